//! What was read from a large file, and uses it where it lies.
//!
//! A session may last for hours, and a file may be written to meanwhile by somebody who does not replace it. So the file is looked at before and
//! after whatever is done with it: what was made of a file that changed is an error, and never a result.
use tessera::failure::Result;
use tessera::files::Mapped;

/// Something, and the file that parts of it lie in, if there is one.
pub struct Held<T> {
    value: T,
    file: Option<Mapped>,
}

impl<T> From<T> for Held<T> {
    /// Of what lies in memory.
    fn from(value: T) -> Held<T> {
        Held { value, file: None }
    }
}

impl<T> Held<T> {
    /// Of what was read from a file.
    pub fn in_file(file: Mapped, read: impl FnOnce(&Mapped) -> Result<T>) -> Result<Held<T>> {
        let value = read(&file)?;
        file.unchanged()?;
        Ok(Held { value, file: Some(file) })
    }

    /// Does something with it. The result holds no part of the file.
    pub fn with<R>(&self, f: impl FnOnce(&T) -> Result<R>) -> Result<R> {
        self.unchanged()?;
        let result = f(&self.value)?;
        self.unchanged()?;
        Ok(result)
    }

    /// What was read once and for all: its small parts.
    pub fn known(&self) -> &T {
        &self.value
    }

    fn unchanged(&self) -> Result<()> {
        self.file.as_ref().map_or(Ok(()), Mapped::unchanged)
    }
}
