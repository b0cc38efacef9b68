//! The summary and the first page of the transfers with a long history beside a
//! short one, for an administrator and for a member.

use refity_tests::image::{Format, Image};
use refity_tests::lab::{Lab, PASSWORD};

use crate::Scale;
use crate::contestant::{basic, our_credentials};
use crate::load::Connection;
use crate::rows::{add_history, add_reader};
use crate::table::{Limit, Table, median};

const REPOSITORY: &str = "team/app";
const READER: &str = "reader";

/// The jobs of the short history.
const SHORT: usize = 400;

/// How much longer an answer may take with the long history.
const RATIO: Limit = Limit::AtMost(1.5);

/// How often each is asked for; the first few answers are not counted.
const ROUNDS: usize = 60;
const NOT_COUNTED: usize = 10;

/// What is asked for, and in how many milliseconds it must be answered.
const PATHS: [(&str, f64); 3] = [
    ("/api/jobs/summary", 5.0),
    ("/api/jobs?limit=50", 50.0),
    ("/api/jobs?limit=50&state=done", 50.0),
];

pub(crate) async fn measure(scale: Scale, table: &mut Table) {
    let lab = Lab::builder().group("open").start().await;
    let image = Image::random(Format::Oci, 1, 100);
    let pushed = image.push(&lab.client(), REPOSITORY, "v1").await;
    pushed.expect("a pushed image");
    lab.wait_until_stored().await;
    add_reader(&lab, READER);
    let viewers = [
        ("administrator", our_credentials()),
        ("member", format!("{READER}:{PASSWORD}")),
    ];
    let measured = || -> Vec<f64> {
        let each = viewers.iter().flat_map(|(_, credentials)| {
            let mut connection = Connection::open(lab.address(0), &basic(credentials));
            PATHS.map(|(path, _)| {
                let times = (0..ROUNDS).map(|_| connection.get(path).0.as_secs_f64() * 1000.0);
                median(&times.skip(NOT_COUNTED).collect::<Vec<_>>())
            })
        });
        each.collect()
    };
    add_history(&lab, REPOSITORY, SHORT);
    let short = measured();
    add_history(&lab, REPOSITORY, scale.history - SHORT);
    let long = measured();
    let names = viewers.iter().flat_map(|(viewer, _)| {
        PATHS.map(|(path, most)| (format!("{path}, {viewer}, {} jobs", scale.history), most))
    });
    for ((name, most), (short, long)) in names.zip(short.into_iter().zip(long)) {
        let beside = format!("{SHORT} jobs");
        table.compare(&name, "ms", long, (&beside, short), RATIO);
        table.figure(&name, "ms", long, Limit::AtMost(most));
    }
}
