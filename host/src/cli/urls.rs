//! The URLs of the command line: arguments, and files with one URL per line.

use super::Refusal;
use std::io::Read;

/// The URLs that the arguments stand for, in order: `@FILE` is the lines of a file, `-` those of `stdin`.
pub(crate) fn expand(args: &[String], stdin: &mut dyn Read) -> Result<Vec<String>, Refusal> {
    let mut urls = Vec::with_capacity(args.len());
    for arg in args {
        if arg == "-" {
            let mut text = String::new();
            stdin
                .read_to_string(&mut text)
                .map_err(|error| Refusal::new(format!("URL '-': standard input: {error}")))?;
            urls.extend(lines(&text));
        } else if let Some(path) = arg.strip_prefix('@') {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Refusal::new(format!("URL '{arg}': {path}: {error}")))?;
            urls.extend(lines(&text));
        } else {
            urls.push(arg.clone());
        }
    }
    if urls.is_empty() {
        return Err(Refusal::new(format!(
            "URL '{}': there is no URL in it",
            args.join(" ")
        )));
    }
    Ok(urls)
}

/// The URLs in a text: one per line, blank lines and lines that begin with `#` left out.
fn lines(text: &str) -> impl Iterator<Item = String> + '_ {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::expand;

    fn of(args: &[&str], stdin: &str) -> Result<Vec<String>, String> {
        let args: Vec<_> = args.iter().map(|arg| (*arg).to_owned()).collect();
        expand(&args, &mut stdin.as_bytes()).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn lines_of_standard_input_take_their_place_among_the_arguments() {
        assert_eq!(
            of(
                &["http://a/", "-", "http://d/"],
                "http://b/\n\n# not this\n  http://c/\r\n"
            )
            .unwrap(),
            ["http://a/", "http://b/", "http://c/", "http://d/"]
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let error = of(&["@no/such/file"], "").unwrap_err();
        assert!(
            error.starts_with("URL '@no/such/file': no/such/file: "),
            "{error}"
        );
    }

    #[test]
    fn an_empty_list_is_refused() {
        assert_eq!(
            of(&["-"], "# nothing\n").unwrap_err(),
            "URL '-': there is no URL in it"
        );
    }
}
