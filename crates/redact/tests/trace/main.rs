//! Panics, in a program of their own: there is one hook for all.
