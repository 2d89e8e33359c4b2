//! A function into itself and a type of its name, which has the call of it and its entry for the handler's table.
use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Error, FnArg, Ident, ItemFn, LitStr, Pat, Result, ReturnType, Safety, Token, Type,
    parse::{Parse, ParseStream, Parser},
    spanned::Spanned,
};

/// What stands in the attribute: nothing, or `name = "..."`.
struct Attribute {
    name: Option<LitStr>,
}

impl Parse for Attribute {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.is_empty() {
            return Ok(Self { name: None });
        }
        let key: Ident = input.parse()?;
        if key != "name" {
            return Err(Error::new(key.span(), "only `name = \"...\"` may be said"));
        }
        input.parse::<Token![=]>()?;
        let name: LitStr = input.parse()?;
        if name.value().is_empty() {
            return Err(Error::new(name.span(), "a name has a letter at least"));
        }
        input.parse::<Option<Token![,]>>()?;
        Ok(Self { name: Some(name) })
    }
}

/// What the attribute makes of a function.
pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let Attribute { name } = Attribute::parse.parse2(attribute)?;
    let function: ItemFn = syn::parse2(item)?;
    check(&function)?;
    let arguments = function.sig.inputs.iter().map(argument);
    let (arguments, types): (Vec<_>, Vec<_>) =
        arguments.collect::<Result<Vec<_>>>()?.into_iter().unzip();
    let visibility = &function.vis;
    let own = &function.sig.ident;
    let called = own.to_string();
    let name = name.unwrap_or_else(|| LitStr::new(called.trim_start_matches("r#"), own.span()));
    let says = format!("The function `{called}`, later.");
    // What is compiled in or out with the function is so with its type.
    let conditions = function
        .attrs
        .iter()
        .filter(|attr| attr.path().is_ident("cfg"));
    let conditions: Vec<_> = conditions.collect();
    Ok(quote! {
        #function

        #(#conditions)*
        #[doc = #says]
        #[allow(non_camel_case_types, reason = "it is found where the function is")]
        // With braces: without, it would be a value, as the function is.
        #visibility struct #own {}

        #(#conditions)*
        #[allow(dead_code, reason = "some programs only enqueue, others only handle")]
        impl #own {
            /// For the handler's table.
            #visibility const FUNCTION: ::urlfetch_deferred::Function =
                ::urlfetch_deferred::Function::new(#name, |arguments| {
                    let (#(#arguments,)*): (#(#types,)*) = ::urlfetch_deferred::decode(#name, arguments)?;
                    #own(#(#arguments),*)?;
                    ::core::result::Result::Ok(())
                });

            /// The call, to be deferred.
            #visibility fn later(#(#arguments: #types),*) -> ::urlfetch_deferred::Call {
                ::urlfetch_deferred::Call::new(#name, &(#(#arguments,)*))
            }
        }
    })
}

/// Refuses what cannot be called later, where the compiler would speak of generated code.
fn check(function: &ItemFn) -> Result<()> {
    let sig = &function.sig;
    let refused = |span, why: &str| Err(Error::new(span, why));
    if let Some(is_async) = &sig.asyncness {
        return refused(
            is_async.span(),
            "a deferred function is not async: call `block_on` in it",
        );
    }
    if let Safety::Unsafe(is_unsafe) = &sig.safety {
        return refused(is_unsafe.span(), "a deferred function is not unsafe");
    }
    if !sig.generics.params.is_empty() {
        return refused(
            sig.generics.span(),
            "a deferred function is not generic: its arguments are decoded by their types",
        );
    }
    if matches!(sig.output, ReturnType::Default) {
        return refused(
            sig.ident.span(),
            "a deferred function returns a Result: its failure decides whether it is tried again",
        );
    }
    Ok(())
}

/// The name and the type of an argument.
fn argument(argument: &FnArg) -> Result<(Ident, &Type)> {
    let argument = match argument {
        FnArg::Typed(argument) => argument,
        other => {
            return Err(Error::new(
                other.span(),
                "a deferred function has no receiver: pass what it needs",
            ));
        }
    };
    if let Type::Reference(reference) = &*argument.ty {
        return Err(Error::new(
            reference.span(),
            "an argument is an owned value: it is decoded in another instance",
        ));
    }
    match &*argument.pat {
        Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => {
            Ok((pattern.ident.clone(), &argument.ty))
        }
        other => Err(Error::new(other.span(), "an argument has a name here")),
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::expand;

    fn refusal(attribute: proc_macro2::TokenStream, item: proc_macro2::TokenStream) -> String {
        expand(attribute, item)
            .expect_err("it is refused")
            .to_string()
    }

    #[test]
    fn what_cannot_be_called_later_is_refused_in_words_of_its_own() {
        let none = || quote!();
        for (item, word) in [
            (
                quote!(
                    async fn f() -> Result<(), E> {}
                ),
                "async",
            ),
            (
                quote!(
                    unsafe fn f() -> Result<(), E> {}
                ),
                "unsafe",
            ),
            (
                quote!(
                    fn f<T>(t: T) -> Result<(), E> {}
                ),
                "generic",
            ),
            (
                quote!(
                    fn f() {}
                ),
                "Result",
            ),
            (
                quote!(
                    fn f(&self) -> Result<(), E> {}
                ),
                "receiver",
            ),
            (
                quote!(
                    fn f(a: &str) -> Result<(), E> {}
                ),
                "owned",
            ),
            (
                quote!(
                    fn f((a, b): (u8, u8)) -> Result<(), E> {}
                ),
                "name",
            ),
        ] {
            let said = refusal(none(), item);
            assert!(said.contains(word), "{said}");
        }
        let item = || {
            quote!(
                fn f() -> Result<(), E> {}
            )
        };
        assert!(refusal(quote!(named = "a"), item()).contains("name"));
        assert!(refusal(quote!(name = ""), item()).contains("letter"));
        assert!(
            expand(
                none(),
                quote!(
                    struct S;
                )
            )
            .is_err()
        );
    }

    #[test]
    fn the_function_stays_as_it_is() {
        let item = quote!(
            /// Adds.
            pub fn add(mut amount: i64) -> Result<(), E> {
                amount += 1;
                Ok(())
            }
        );
        let made = expand(quote!(name = "sum"), item.clone()).expect("it is made");
        assert!(made.to_string().starts_with(&item.to_string()), "{made}");
        assert!(made.to_string().contains("\"sum\""), "{made}");
    }
}
