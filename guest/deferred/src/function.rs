//! Functions that can be deferred: their names, calls of them as bytes, and the table by which a handler finds them.
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Error, Failure};

/// A function that can be deferred; [`deferred`](macro@crate::deferred) makes it, as `NAME::FUNCTION`.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    name: &'static str,
    run: fn(Value) -> Result<(), Failure>,
}

impl Function {
    #[doc(hidden)]
    pub const fn new(name: &'static str, run: fn(Value) -> Result<(), Failure>) -> Self {
        Self { name, run }
    }

    /// What tasks call it by. A task that is in a queue when the function is renamed fails permanently.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

/// A call that has not been made: a function's name and its arguments, encoded. `NAME::later(...)` makes it.
#[derive(Debug)]
#[must_use = "nothing is called before it is deferred"]
pub struct Call {
    /// The failure of an argument is told by what enqueues, so that `later` needs no `?` of its own.
    pub(crate) body: Result<Vec<u8>, Error>,
}

/// A call in a task's body.
#[derive(Serialize, Deserialize)]
struct Body<'a, A> {
    function: std::borrow::Cow<'a, str>,
    arguments: A,
}

impl Call {
    /// A call in an encoding of the caller's: for a handler that reads [`Task::body`](crate::Task::body) itself.
    pub const fn encoded(body: Vec<u8>) -> Self {
        Self { body: Ok(body) }
    }

    #[doc(hidden)]
    pub fn new(function: &str, arguments: &impl Serialize) -> Self {
        let encode = || {
            let arguments = match serde_json::to_value(arguments)? {
                // No arguments are a list of none, as they are elsewhere.
                Value::Null => Value::Array(Vec::new()),
                arguments => arguments,
            };
            let function = function.into();
            serde_json::to_vec(&Body {
                function,
                arguments,
            })
        };
        Self {
            body: encode().map_err(|error| Error::Arguments(error.to_string())),
        }
    }
}

/// The functions that tasks may call, and no others: the default [`Handler`](crate::Handler). [`functions!`](crate::functions) makes it.
#[derive(Clone, Copy, Debug)]
pub struct Functions(&'static [Function]);

impl Functions {
    /// A table of these.
    ///
    /// # Panics
    /// When two have one name; in a constant, which is what `functions!` makes, that is an error of the compiler.
    pub const fn new(functions: &'static [Function]) -> Self {
        let mut one = 0;
        while one < functions.len() {
            let mut other = 0;
            while other < one {
                assert!(
                    !same(functions[one].name, functions[other].name),
                    "two deferred functions of one name"
                );
                other += 1;
            }
            one += 1;
        }
        Self(functions)
    }

    /// Makes the call that a task's body is.
    ///
    /// # Errors
    /// [`Failure::Permanent`] for a body that is no call, a function that is not here, and arguments that are not the function's;
    /// otherwise what the function fails with.
    pub fn run(&self, body: &[u8]) -> Result<(), Failure> {
        let call: Body<'_, Value> = serde_json::from_slice(body)
            .map_err(|error| Failure::Permanent(format!("the body is no call: {error}")))?;
        let known = self.0.iter().find(|known| known.name == call.function);
        match known {
            Some(function) => (function.run)(call.arguments),
            None => Err(Failure::Permanent(format!(
                "there is no function {:?}",
                call.function
            ))),
        }
    }
}

/// `==` where it can be asked for when compiling.
const fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut place = 0;
    while place < one.len() {
        if one[place] != other[place] {
            return false;
        }
        place += 1;
    }
    true
}

#[doc(hidden)]
pub fn decode<A: DeserializeOwned>(function: &str, arguments: Value) -> Result<A, Failure> {
    let arguments = match arguments {
        Value::Array(none) if none.is_empty() => Value::Null,
        arguments => arguments,
    };
    serde_json::from_value(arguments).map_err(|error| {
        Failure::Permanent(format!("these are no arguments of {function}: {error}"))
    })
}

/// The table of deferrable functions, by their names: see [`deferred`](macro@crate::deferred).
///
/// Two of one name do not compile:
///
/// ```compile_fail
/// mod one { #[urlfetch_deferred::deferred] pub fn go() -> Result<(), urlfetch_deferred::Failure> { Ok(()) } }
/// mod other { #[urlfetch_deferred::deferred] pub fn go() -> Result<(), urlfetch_deferred::Failure> { Ok(()) } }
/// const FUNCTIONS: urlfetch_deferred::Functions = urlfetch_deferred::functions![one::go, other::go];
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! functions {
    ($($($name:ident)::+),* $(,)?) => {
        const { $crate::Functions::new(&[$($($name::)+FUNCTION),*]) }
    };
}
