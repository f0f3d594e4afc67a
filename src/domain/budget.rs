//! Rate budgets as values.
