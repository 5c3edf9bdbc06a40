//! The relay against servers that are written for it; real ones are in the program's tests.
