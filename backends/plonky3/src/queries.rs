//! How many queries a hiding proof has: its mask rows are for so many, tables are as tall as their mask rows make them, and the security of
//! a query is that of the tallest table.
use crate::air::compile::compile;
use crate::air::reshape::Limits;
use crate::budget::Budget;
use crate::security::{SecurityTarget, choose};
use crate::unsupported;
use tessera_api::{Program, SetupError};

/// How many queries have to be hidden: as many as the target takes over the heights that tables have when so many are hidden.
pub fn budget(program: &Program, target: SecurityTarget, limits: Limits) -> Result<Budget, SetupError> {
    let mut b = Budget { queries: 1, degree: limits.degree };
    loop {
        let air = compile(program, limits.hiding(b))?.air;
        air.validate().map_err(|e| unsupported(&e))?;
        let needed = choose(target, &air).map_err(|e| unsupported(&e))?.fri.queries as usize;
        if needed <= b.queries {
            return Ok(b);
        }
        b.queries = needed;
    }
}
