//! How improbable is a count?

/// `-ln` of a bound (Chernoff's) on the chance of a count as far or farther from `expected` on its side, where counts
/// are negative binomial with the variance `expected + over * expected^2`.
pub(super) fn surprise(count: f64, expected: f64, over: f64) -> f64 {
    let size = 1.0 / over.max(1e-6);
    let own = if count > 0.0 { count * (count / expected).ln() } else { 0.0 };
    let surprise = own - (count + size) * ((count + size) / (expected + size)).ln();
    if surprise.is_finite() { surprise.max(0.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::surprise;

    #[test]
    fn the_bound_is_the_one_of_a_poisson_count_where_nothing_else_varies() {
        // P(X = 0) = e^-20 is the bound itself.
        assert!((surprise(0.0, 20.0, 0.0) - 20.0).abs() < 0.01);
        assert_eq!(surprise(20.0, 20.0, 0.1), 0.0);
    }

    #[test]
    fn what_varies_more_surprises_less() {
        assert!(surprise(0.0, 100.0, 0.5) < surprise(0.0, 100.0, 0.1));
        assert!(surprise(500.0, 100.0, 0.5) < surprise(500.0, 100.0, 0.1));
        assert!(surprise(f64::NAN, 0.0, 0.0) >= 0.0);
    }
}
