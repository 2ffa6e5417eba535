//! Whatever is asked: a query is understood or refused with one line that points into it, soon, and however deep it nests.
#![no_main]
#![allow(dead_code, missing_docs, unused_imports)]

#[path = "../../src/query/local/mod.rs"]
mod local;
#[path = "../../src/record/mod.rs"]
mod record;

use libfuzzer_sys::fuzz_target;

use local::Query;
use record::time::Time;

const NOW: Time = Time(1_795_172_400_000_000_000);

fuzz_target!(|text: &str| {
    match Query::parse(text, &[], NOW) {
        Ok(query) => {
            // A filter beside it changes nothing about how it is understood.
            let beside = Query::parse(text, &["level:error".to_owned()], NOW).expect("it was understood before");
            assert_eq!(beside.can_follow(), query.can_follow());
        }
        Err(refusal) => {
            assert!(!refusal.what.is_empty() && !refusal.what.contains(char::is_control), "{refusal:?}");
            assert!(refusal.at.is_none_or(|at| text.is_char_boundary(at)), "{refusal:?}");
            let beside = Query::parse("*", &[text.to_owned()], NOW).expect_err("it was refused before");
            assert_eq!((beside.what, beside.at), (refusal.what, None));
        }
    }
});
