//! The Airflow and Astro Runtime releases that a demo installation knows, newest first.

/// Version and date of Airflow releases.
pub(crate) const AIRFLOW: [(&str, &str); 8] = [
    ("2.10.5", "2025-02-06"),
    ("2.9.3", "2024-07-15"),
    ("2.8.4", "2024-03-25"),
    ("2.7.3", "2023-11-06"),
    ("2.6.3", "2023-07-10"),
    ("2.5.3", "2023-04-01"),
    ("2.4.3", "2022-11-14"),
    ("2.2.4", "2022-02-22"),
];

/// Runtime version, the Airflow in it, and whether moving there migrates the metadata database.
pub(crate) const RUNTIME: [(&str, &str, bool); 8] = [
    ("12.7.1", "2.10.5", true),
    ("11.10.0", "2.9.3", true),
    ("10.9.0", "2.8.4", true),
    ("9.12.0", "2.7.3", true),
    ("8.10.0", "2.6.3", true),
    ("7.6.0", "2.5.3", true),
    ("6.6.0", "2.4.3", false),
    ("4.2.9", "2.2.4", false),
];
