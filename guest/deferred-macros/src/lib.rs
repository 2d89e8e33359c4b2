//! The attribute `#[deferred]`, which the crate `urlfetch-deferred` gives on and documents.

mod deferrable;

use proc_macro::TokenStream;

/// Makes a function deferrable: `urlfetch_deferred::deferred` says how.
#[proc_macro_attribute]
pub fn deferred(attribute: TokenStream, item: TokenStream) -> TokenStream {
    deferrable::expand(attribute.into(), item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
