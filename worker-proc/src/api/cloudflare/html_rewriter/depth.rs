//! How deep a selector goes, told before it is parsed: the parser, the compiler and what they make recurse by it.

/// `:not(` within `:not(`, as on workerd; the parser enters no other function.
const MAX_NEGATIONS: usize = 75;

/// Elements within elements that one selector names.
const MAX_STEPS: usize = 1000;

/// Whether a selector is deeper than a stack may be. It may take blanks around `>` for steps of their own.
pub fn is_too_deep(selector: &str) -> bool {
    let mut bytes = selector.bytes().enumerate().peekable();
    // The brackets that are open, and of them what may be negations.
    let (mut open, mut negations) = (Vec::new(), 0);
    let (mut steps, mut after_step) = (0, true);
    while let Some((index, byte)) = bytes.next() {
        let is_step = matches!(byte, b'>' | b'+' | b'~') || byte.is_ascii_whitespace();
        if open.is_empty() && is_step && !after_step {
            steps += 1;
        }
        after_step = is_step;
        match byte {
            b',' if open.is_empty() => steps = 0,
            b'\\' => {
                bytes.next();
            }
            quote @ (b'"' | b'\'') => {
                while let Some((_, byte)) = bytes.next()
                    && byte != quote
                {
                    if byte == b'\\' {
                        bytes.next();
                    }
                }
            }
            b'/' if bytes.next_if(|(_, byte)| *byte == b'*').is_some() => {
                let end = selector[index + 2..].find("*/");
                let rest = end.map_or(selector.len(), |end| index + 4 + end);
                while bytes.next_if(|(index, _)| *index < rest).is_some() {}
            }
            b'(' => {
                let negates = may_negate(&selector.as_bytes()[..index]);
                negations += usize::from(negates);
                open.push((b')', negates));
            }
            b'[' => open.push((b']', false)),
            b'{' => open.push((b'}', false)),
            _ => {
                if let Some((_, negates)) = open.pop_if(|(close, _)| *close == byte) {
                    negations -= usize::from(negates);
                }
            }
        }
        if negations > MAX_NEGATIONS || steps > MAX_STEPS {
            return true;
        }
    }
    false
}

/// Whether the name that a bracket follows is `not`, or says so by an escape.
fn may_negate(before: &[u8]) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'\\');
    let start = before.iter().rposition(|byte| !is_name(byte));
    let name = &before[start.map_or(0, |start| start + 1)..];
    // A blank ends an escape.
    name.eq_ignore_ascii_case(b"not") || before[before.len().saturating_sub(24)..].contains(&b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn negations(name: &str, count: usize) -> String {
        format!("a{}b{}", name.repeat(count), ")".repeat(count))
    }

    #[test]
    fn negations_nest_as_deep_as_on_workerd() {
        for name in [
            ":not(",
            ":NOT(",
            ":not(.x,",
            ":n\\6f t(",
            ":not(/*)*/",
            ":not([x=')'],",
        ] {
            assert!(!is_too_deep(&negations(name, 75)), "{name}");
            assert!(is_too_deep(&negations(name, 76)), "{name}");
        }
        assert!(is_too_deep(&":not(".repeat(100_000)));
    }

    #[test]
    fn what_only_looks_deep_is_not() {
        for text in [
            format!("a[x=\"{}\"]", ":not(".repeat(100)),
            format!("a/*{}*/", ":not(".repeat(100)),
            "a:not(b)".repeat(1000),
            "a,".repeat(10_000) + "b",
            "a:not(b) ".repeat(900),
        ] {
            assert!(!is_too_deep(&text), "{text}");
        }
    }

    #[test]
    fn steps_are_bounded() {
        for step in ["a ", "a>", "a + ", "a\n"] {
            assert!(!is_too_deep(&(step.repeat(499) + "b")), "{step}");
            assert!(is_too_deep(&(step.repeat(2001) + "b")), "{step}");
        }
    }

    #[test]
    fn no_text_is_too_odd() {
        for text in [
            "",
            "\\",
            "'",
            "/*",
            "/",
            "(",
            ")",
            "]",
            "'\\",
            "é(é\\é(",
            "/**",
            ":not(",
        ] {
            assert!(!is_too_deep(text), "{text}");
        }
    }
}
