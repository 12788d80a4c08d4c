//! Orders from files: CSV and JSON of shops, B2B customers and older systems.
