//! Rules as text: what is shipped and what a user writes are the same language.
//!
//! ```text
//! # a comment
//! rule compose-views: "w(v(x)) = (w∘v)(x)"
//!   view[w](view[v](x)) => view[after(w, v)](x)
//!
//! rule views-of-elementwise: "v(f(x, y)) = f(v(x), v(y)), v pads nowhere"
//!   view[v]($f(x..)) => $f(view[v](x)..)
//!   if elementwise(f), reads_everywhere(v)
//! ```
//!
//! A term is a variable for a value, or an op with its attributes in brackets and its operands in parentheses. `name.1` is an op's
//! second result; `$f` is any op. `x..` is any number of operands; a term before `..` is what each of them is. The left side may have
//! several terms, and then so has the right: each equals its counterpart. What stands after `if` decides whether the sides are equal; what
//! stands after `limit`, whether it is worth a try.
//!
//! Invariant: a rule that was read names ops and functions that there are, and its right side only variables that its left side binds.

use crate::op::{Function, Op};
use std::marker::PhantomData;
use tessera_mlir::{Error, Result};

/// A rule that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule<O> {
    /// Its name.
    pub name: String,
    /// What it says, for people.
    pub equation: String,
    /// Terms that are looked for.
    pub left: Vec<Term>,
    /// What each of them equals.
    pub right: Vec<Term>,
    /// When it does.
    pub conditions: Vec<Expr>,
    /// When it is worth a try.
    pub limits: Vec<Expr>,
    /// The names of its variables, which are numbers elsewhere.
    pub variables: Vec<String>,
    dialect: PhantomData<O>,
}

/// A value of a rule.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// Any value.
    Variable(usize),
    /// A result of an op.
    Op {
        /// Which op, and which result.
        head: Head,
        /// Its attributes.
        attributes: Vec<Expr>,
        /// Its operands.
        operands: Vec<Operand>,
    },
}

/// Which op.
#[derive(Clone, Debug, PartialEq)]
pub enum Head {
    /// By its name; the only result where no number is given.
    Name(String, Option<u8>),
    /// Any, which the variable stands for.
    Any(usize),
}

/// An operand of a term, or all that are left.
#[derive(Clone, Debug, PartialEq)]
pub struct Operand {
    /// What it is.
    pub term: Term,
    /// Whether it stands for any number of operands.
    pub many: bool,
}

/// An attribute or a condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// What a variable stands for.
    Variable(usize),
    /// A number.
    Int(i64),
    /// A function of others.
    Call(String, Vec<Expr>),
}

impl<O: Op> Rule<O> {
    /// The op that its left side rewrites, by which rules are grouped; `any` where that may be any.
    pub fn group(&self) -> &str {
        match self.left.first() {
            Some(Term::Op { head: Head::Name(name, _), .. }) => name,
            _ => "any",
        }
    }

    /// An attribute or a condition as it is written.
    pub fn show(&self, expr: &Expr) -> String {
        match expr {
            Expr::Variable(variable) => self.variables[*variable].clone(),
            Expr::Int(value) => value.to_string(),
            Expr::Call(name, arguments) => {
                let arguments: Vec<String> = arguments.iter().map(|argument| self.show(argument)).collect();
                format!("{name}({})", arguments.join(", "))
            }
        }
    }

    /// A side as it is written.
    pub fn show_terms(&self, terms: &[Term]) -> String {
        terms.iter().map(|term| self.show_term(term)).collect::<Vec<_>>().join(", ")
    }

    fn show_term(&self, term: &Term) -> String {
        let Term::Op { head, attributes, operands } = term else {
            let Term::Variable(variable) = term else { return String::new() };
            return self.variables[*variable].clone();
        };
        let mut text = match head {
            Head::Name(name, None) => name.clone(),
            Head::Name(name, Some(result)) => format!("{name}.{result}"),
            Head::Any(variable) => format!("${}", self.variables[*variable]),
        };
        if !attributes.is_empty() {
            let attributes: Vec<String> = attributes.iter().map(|expr| self.show(expr)).collect();
            text += &format!("[{}]", attributes.join(", "));
        }
        let show = |operand: &Operand| self.show_term(&operand.term) + if operand.many { ".." } else { "" };
        let operands: Vec<String> = operands.iter().map(show).collect();
        text + &format!("({})", operands.join(", "))
    }
}

/// The rules of a dialect and what they may call, as markdown.
pub fn render<O: Op>(rules: &[Rule<O>]) -> String {
    let mut text = String::new();
    for rule in rules {
        let (left, right) = (rule.show_terms(&rule.left), rule.show_terms(&rule.right));
        text += &format!("### `{}`\n\n{}\n\n```text\n{left}\n  => {right}\n", rule.name, rule.equation);
        for (word, part) in [("if", &rule.conditions), ("limit", &rule.limits)] {
            if !part.is_empty() {
                let part: Vec<String> = part.iter().map(|expr| rule.show(expr)).collect();
                text += &format!("  {word} {}\n", part.join(", "));
            }
        }
        text += "```\n\n";
    }
    text += "### What rules call\n\n| function | arguments | |\n|---|---|---|\n";
    for function in O::FUNCTIONS {
        text += &format!("| `{}` | {} | {} |\n", function.name, function.arguments, function.help);
    }
    text
}

/// Reads a file of rules.
///
/// # Errors
/// Everything that is no rule, with its line.
pub fn read<O: Op>(text: &str, ops: &[&str]) -> Result<Vec<Rule<O>>> {
    let mut reader = Reader { tokens: tokens(text)?, at: 0, variables: vec![], ops, functions: O::FUNCTIONS };
    let mut rules: Vec<Rule<O>> = vec![];
    while reader.peek() != &Token::End {
        let line = reader.line();
        let rule = reader.rule()?;
        if rules.iter().any(|known| known.name == rule.name) {
            return Err(Error::new(format!("line {line}: there is another rule {:?}", rule.name)));
        }
        rules.push(rule);
    }
    Ok(rules)
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Int(i64),
    Sign(&'static str),
    End,
}

impl Token {
    fn show(&self) -> String {
        match self {
            Self::Word(word) => format!("'{word}'"),
            Self::Text(text) => format!("{text:?}"),
            Self::Int(value) => format!("'{value}'"),
            Self::Sign(sign) => format!("'{sign}'"),
            Self::End => "the end of the file".into(),
        }
    }
}

const SIGNS: [&str; 10] = ["=>", "..", "(", ")", "[", "]", ",", ":", ".", "$"];

fn tokens(text: &str) -> Result<Vec<(Token, usize)>> {
    let mut tokens = vec![];
    for (line, content) in text.lines().enumerate().map(|(index, content)| (index + 1, content)) {
        let mut rest = content.trim_start();
        while !rest.is_empty() && !rest.starts_with('#') {
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            let first = rest.chars().next().unwrap_or_default();
            let length;
            let token = if first == '"' {
                let end = rest[1..].find('"').ok_or_else(|| {
                    Error::new(format!("line {line}: expected a '\"' that ends the equation"))
                })?;
                length = end + 2;
                Token::Text(rest[1..=end].to_owned())
            } else if first.is_ascii_digit()
                || (first == '-' && rest[1..].starts_with(|c: char| c.is_ascii_digit()))
            {
                length = rest[1..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |end| end + 1);
                let value = rest[..length].parse();
                Token::Int(value.map_err(|_| {
                    Error::new(format!("line {line}: {} is no number of 64 bits", &rest[..length]))
                })?)
            } else if first.is_ascii_alphabetic() {
                length = rest.find(|c| !word(c)).unwrap_or(rest.len());
                Token::Word(rest[..length].to_owned())
            } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                length = sign.len();
                Token::Sign(sign)
            } else {
                return Err(Error::new(format!(
                    "line {line}: expected a word, a number or a sign, found {first:?}"
                )));
            };
            tokens.push((token, line));
            rest = rest[length..].trim_start();
        }
    }
    let last = text.lines().count().max(1);
    tokens.push((Token::End, last));
    Ok(tokens)
}

struct Reader<'t> {
    tokens: Vec<(Token, usize)>,
    at: usize,
    variables: Vec<String>,
    ops: &'t [&'t str],
    functions: &'static [Function],
}

/// The deepest nesting of a rule that is read.
const DEEPEST: usize = 32;

impl Reader<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.at].0
    }

    fn line(&self) -> usize {
        self.tokens[self.at].1
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    fn error<T>(&self, expected: &str) -> Result<T> {
        Err(Error::new(format!("line {}: expected {expected}, found {}", self.line(), self.peek().show())))
    }

    fn takes(&mut self, sign: &str) -> bool {
        let found = *self.peek() == Token::Word(sign.to_owned())
            || matches!(self.peek(), Token::Sign(s) if *s == sign);
        if found {
            self.next();
        }
        found
    }

    fn expect(&mut self, sign: &str) -> Result<()> {
        if self.takes(sign) { Ok(()) } else { self.error(&format!("'{sign}'")) }
    }

    fn word(&mut self, what: &str) -> Result<String> {
        let Token::Word(word) = self.peek().clone() else { return self.error(what) };
        self.next();
        Ok(word)
    }

    fn rule<O: Op>(&mut self) -> Result<Rule<O>> {
        self.variables.clear();
        self.expect("rule")?;
        let name = self.word("the rule's name")?;
        let line = self.line();
        let about = |error: Error| error.context(format!("rule {name}"));
        self.expect(":").map_err(about)?;
        let Token::Text(equation) = self.peek().clone() else {
            return self.error("its equation between '\"'").map_err(about);
        };
        self.next();
        let left = self.terms(true).map_err(about)?;
        self.expect("=>").map_err(about)?;
        let right = self.terms(false).map_err(about)?;
        if left.len() != right.len() {
            let (left, right) = (left.len(), right.len());
            return Err(about(Error::new(format!(
                "line {line}: expected as many terms on the right as on the left, found {right} and {left}"
            ))));
        }
        if left.iter().any(|term| matches!(term, Term::Variable(_))) {
            return Err(about(Error::new(format!(
                "line {line}: expected ops on the left, found a variable"
            ))));
        }
        let mut parts = [vec![], vec![]];
        for (word, part) in ["if", "limit"].into_iter().zip(&mut parts) {
            if self.takes(word) {
                loop {
                    part.push(self.expr(false, 0).map_err(about)?);
                    if !self.takes(",") {
                        break;
                    }
                }
            }
        }
        let [conditions, limits] = parts;
        let variables = std::mem::take(&mut self.variables);
        Ok(Rule { name, equation, left, right, conditions, limits, variables, dialect: PhantomData })
    }

    fn terms(&mut self, binds: bool) -> Result<Vec<Term>> {
        let mut terms = vec![self.term(binds, 0)?];
        while self.takes(",") {
            terms.push(self.term(binds, 0)?);
        }
        Ok(terms)
    }

    fn variable(&mut self, name: String, binds: bool) -> Result<usize> {
        match self.variables.iter().position(|known| *known == name) {
            Some(known) => Ok(known),
            None if binds => {
                self.variables.push(name);
                Ok(self.variables.len() - 1)
            }
            None => Err(Error::new(format!("line {}: the left side does not bind '{name}'", self.line()))),
        }
    }

    fn term(&mut self, binds: bool, depth: usize) -> Result<Term> {
        if depth > DEEPEST {
            return self.error(&format!("at most {DEEPEST} terms in each other"));
        }
        let head = if self.takes("$") {
            let name = self.word("the name of an op's variable")?;
            Head::Any(self.variable(name, binds)?)
        } else {
            let name = self.word("a term")?;
            let result = if self.takes(".") {
                let Token::Int(result @ 0..=255) = *self.peek() else {
                    return self.error("the number of a result");
                };
                self.next();
                Some(result as u8)
            } else {
                None
            };
            if result.is_none() && !matches!(self.peek(), Token::Sign("(") | Token::Sign("[")) {
                return Ok(Term::Variable(self.variable(name, binds)?));
            }
            if !self.ops.contains(&&name[..]) {
                return Err(Error::new(format!(
                    "line {}: no op is called '{name}'; there are {}",
                    self.line(),
                    self.ops.join(", ")
                )));
            }
            Head::Name(name, result)
        };
        let mut attributes = vec![];
        if self.takes("[") {
            while !self.takes("]") {
                attributes.push(self.expr(binds, 0)?);
                if !self.takes(",") && *self.peek() != Token::Sign("]") {
                    return self.error("',' or ']'");
                }
            }
        }
        self.expect("(")?;
        let mut operands: Vec<Operand> = vec![];
        while !self.takes(")") {
            let term = self.term(binds, depth + 1)?;
            let many = self.takes("..");
            operands.push(Operand { term, many });
            if !self.takes(",") && *self.peek() != Token::Sign(")") {
                return self.error("',' or ')'");
            }
        }
        let each =
            operands.iter().position(|operand| operand.many && !matches!(operand.term, Term::Variable(_)));
        if binds && each.is_some_and(|at| at + 1 < operands.len()) {
            return Err(Error::new(format!(
                "line {}: expected nothing after what every other operand is",
                self.line()
            )));
        }
        Ok(Term::Op { head, attributes, operands })
    }

    fn expr(&mut self, binds: bool, depth: usize) -> Result<Expr> {
        if depth > DEEPEST {
            return self.error(&format!("at most {DEEPEST} calls in each other"));
        }
        if let Token::Int(value) = *self.peek() {
            self.next();
            return Ok(Expr::Int(value));
        }
        let name = self.word("a variable, a number or a function")?;
        if binds || !self.takes("(") {
            return Ok(Expr::Variable(self.variable(name, binds)?));
        }
        let mut arguments = vec![];
        while !self.takes(")") {
            arguments.push(self.expr(false, depth + 1)?);
            if !self.takes(",") && *self.peek() != Token::Sign(")") {
                return self.error("',' or ')'");
            }
        }
        let Some(function) = self.functions.iter().find(|function| function.name == name) else {
            let all: Vec<&str> = self.functions.iter().map(|function| function.name).collect();
            return Err(Error::new(format!(
                "line {}: no function is called '{name}'; there are {}",
                self.line(),
                all.join(", ")
            )));
        };
        if function.arguments != arguments.len() {
            return Err(Error::new(format!(
                "line {}: '{name}' takes {} arguments, found {}",
                self.line(),
                function.arguments,
                arguments.len()
            )));
        }
        Ok(Expr::Call(name, arguments))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tessera_circuit::ops::CircuitOp;

    fn rules(text: &str) -> Result<Vec<Rule<CircuitOp<()>>>> {
        read(text, <CircuitOp<()> as Op>::NAMES)
    }

    #[test]
    fn what_is_shown_is_read_again() {
        for rule in rules(crate::optimize::CIRCUIT_RULES).unwrap() {
            let mut text = format!("rule {}: {:?}", rule.name, rule.equation);
            text += &format!(" {} => {}", rule.show_terms(&rule.left), rule.show_terms(&rule.right));
            for (word, part) in [("if", &rule.conditions), ("limit", &rule.limits)] {
                let part: Vec<String> = part.iter().map(|expr| rule.show(expr)).collect();
                text += &if part.is_empty() { String::new() } else { format!(" {word} {}", part.join(", ")) };
            }
            assert_eq!(rules(&text), Ok(vec![rule]), "{text}");
        }
    }

    #[test]
    fn what_is_no_rule_is_refused_with_its_line() {
        let refused = |text: &str| rules(text).unwrap_err().to_string();
        let cases = [
            "rul x: \"\"",
            "rule x \"\"",
            "rule x: \"x",
            "# é\nrule x: \"é\" é(x) => x",
            "rule x: \"\" max(x) = x",
            "rule x: \"\"\n  maxi(x, y) => x",
            "rule x: \"\" max(x, y) => z",
            "rule x: \"\" x => max(x, x)",
            "rule x: \"\" max(x, y), mul(x, y) => x",
            "rule x: \"\" max(x, y) => x if smaller(x, y)",
            "rule x: \"\" max(x, y) => x if keeps(x)",
            "rule x: \"\" max(lookup[t](x).., y) => y",
            "rule x: \"\" split.300[s](x) => x",
            "rule x: \"\" affine[c, 99999999999999999999](x) => x",
            "rule x: \"\" max(x, y) => x rule x: \"\" mul(x, y) => x",
        ];
        let all: Vec<String> = cases.into_iter().map(refused).collect();
        let expected = [
            "line 1: expected 'rule', found 'rul'",
            "rule x: line 1: expected ':', found \"\"",
            "line 1: expected a '\"' that ends the equation",
            "line 2: expected a word, a number or a sign, found 'é'",
            "line 1: expected a word, a number or a sign, found '='",
        ];
        assert_eq!(all[..5], expected);
        let starts = [
            "rule x: line 2: no op is called 'maxi'; there are input, ",
            "rule x: line 1: the left side does not bind 'z'",
            "rule x: line 1: expected ops on the left, found a variable",
            "rule x: line 1: expected as many terms on the right as on the left, found 1 and 2",
            "rule x: line 1: no function is called 'smaller'; there are identity, ",
            "rule x: line 1: 'keeps' takes 2 arguments, found 1",
            "rule x: line 1: expected nothing after what every other operand is",
            "rule x: line 1: expected the number of a result, found '300'",
            "line 1: 99999999999999999999 is no number of 64 bits",
            "line 1: there is another rule \"x\"",
        ];
        for (found, start) in all[5..].iter().zip(starts) {
            assert!(found.starts_with(start), "{found}\ndoes not start with\n{start}");
        }
        let deep = format!("rule x: \"\" {}x{} => x", "max(".repeat(9999), ")".repeat(9999));
        assert!(refused(&deep).contains("at most 32 terms in each other"));
    }
}
