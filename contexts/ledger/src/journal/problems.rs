//! Problems as bytes: refusals that are kept and given again word for word.

use super::codec::{Malformed, Pen, Reader};
use kernel::Problem;
use kernel::problem::{Datum, Fault, Slug};
use parking_lot::Mutex;

/// Deepest nesting of a problem's data; what the ledger writes has two levels.
const MAX_DEPTH: u32 = 8;

/// Appends a problem.
pub fn put_problem(pen: &mut Pen<'_>, problem: &Problem) {
    pen.word(problem.slug.code);
    pen.uint(problem.slug.status.into());
    pen.word(problem.slug.title);
    pen.word(&problem.detail);
    pen.option(problem.param.as_deref(), Pen::word);
    pen.option(problem.retry_after_s, |pen, seconds| pen.uint(seconds.into()));
    pen.list(&problem.data, |pen, (name, datum)| {
        pen.word(name);
        put_datum(pen, datum);
    });
    pen.list(&problem.faults, |pen, fault| {
        pen.word(&fault.pointer);
        pen.word(fault.code);
        pen.word(&fault.detail);
    });
}

/// Reads a problem.
pub fn take_problem(reader: &mut Reader<'_>) -> Result<Problem, Malformed> {
    let code = reader.word()?;
    let status = u16::try_from(reader.uint()?).map_err(|_| Malformed("no status"))?;
    let slug = slug_of(code, status, reader.word()?);
    Ok(Problem {
        slug,
        detail: reader.word()?.to_owned(),
        param: reader.option(|reader| Ok(reader.word()?.to_owned()))?,
        retry_after_s: reader.option(Reader::number)?,
        data: reader.list(|reader| Ok((lasting(reader.word()?), take_datum(reader, 0)?)))?,
        faults: reader.list(|reader| {
            Ok(Fault {
                pointer: reader.word()?.to_owned(),
                code: lasting(reader.word()?),
                detail: reader.word()?.to_owned(),
            })
        })?,
    })
}

fn put_datum(pen: &mut Pen<'_>, datum: &Datum) {
    match datum {
        Datum::Null => pen.byte(0),
        Datum::Flag(flag) => pen.byte(if *flag { 2 } else { 1 }),
        Datum::Integer(number) => {
            pen.byte(3);
            pen.signed(i128::from(*number));
        }
        Datum::Text(text) => {
            pen.byte(4);
            pen.word(text);
        }
        Datum::List(items) => {
            pen.byte(5);
            pen.list(items, put_datum);
        }
        Datum::Object(members) => {
            pen.byte(6);
            pen.list(members, |pen, (name, datum)| {
                pen.word(name);
                put_datum(pen, datum);
            });
        }
    }
}

fn take_datum(reader: &mut Reader<'_>, depth: u32) -> Result<Datum, Malformed> {
    if depth > MAX_DEPTH {
        return Err(Malformed("it is nested too deeply"));
    }
    Ok(match reader.byte()? {
        0 => Datum::Null,
        1 => Datum::Flag(false),
        2 => Datum::Flag(true),
        3 => Datum::Integer(i64::try_from(reader.signed()?).map_err(|_| Malformed("no integer"))?),
        4 => Datum::Text(reader.word()?.to_owned()),
        5 => Datum::List(reader.list(|reader| take_datum(reader, depth + 1))?),
        6 => Datum::Object(
            reader.list(|reader| Ok((lasting(reader.word()?), take_datum(reader, depth + 1)?)))?,
        ),
        _ => return Err(Malformed("an unknown datum")),
    })
}

/// Names in problems are constants of the program that wrote them, so their number is bounded and one copy
/// of each may last as long as the process.
fn lasting(name: &str) -> &'static str {
    static NAMES: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    let mut names = NAMES.lock();
    match names.iter().find(|known| **known == name) {
        Some(known) => known,
        None => {
            let kept: &'static str = Box::leak(name.to_owned().into_boxed_str());
            names.push(kept);
            kept
        }
    }
}

fn slug_of(code: &str, status: u16, title: &str) -> &'static Slug {
    static SLUGS: Mutex<Vec<&'static Slug>> = Mutex::new(Vec::new());
    if let Some(known) = crate::refusal::SLUGS.iter().find(|slug| slug.code == code) {
        return known;
    }
    let mut slugs = SLUGS.lock();
    match slugs.iter().find(|slug| slug.code == code) {
        Some(known) => known,
        None => {
            let slug = Slug { code: lasting(code), status, title: lasting(title) };
            let kept: &'static Slug = Box::leak(Box::new(slug));
            slugs.push(kept);
            kept
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_read_back() {
        let mut problem =
            Problem::new(&crate::refusal::INSUFFICIENT_FUNDS, "Not enough.").with("available", "1.00").with(
                "cause",
                Datum::Object(vec![
                    ("index", Datum::Integer(-3)),
                    ("list", Datum::List(vec![Datum::Null, Datum::Flag(true)])),
                ]),
            );
        problem.faults.push(Fault { pointer: "/a".into(), code: "wrong-type", detail: "x".into() });
        problem.retry_after_s = Some(3);
        let (mut core, mut text) = (Vec::new(), Vec::new());
        put_problem(&mut Pen { core: &mut core, text: &mut text }, &problem);
        let mut reader = Reader::new(&core, &text);
        assert_eq!(take_problem(&mut reader), Ok(problem));
        assert!(reader.is_done());
    }
}
