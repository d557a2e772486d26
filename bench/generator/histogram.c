// Quantiles of a log-linear histogram; recording is inline in generator.h.
#include "generator.h"

/** Lower bound of the step plus half its width, microseconds. */
static double middle_us(int at) {
  if (at < STEPS) return at / 1e3;
  int e = at / STEPS - 1;
  int64_t from = (int64_t)(at % STEPS + STEPS) << e;
  return (double)(from + ((1LL << e) >> 1)) / 1e3;
}

double quantile_us(const histogram *h, double q) {
  if (!h->n) return 0;
  int64_t wanted = (int64_t)(q * (double)h->n), seen = 0;
  if (wanted >= h->n) wanted = h->n - 1;
  for (int at = 0; at < 64 * STEPS; at++) {
    seen += h->counts[at];
    if (seen > wanted) return middle_us(at);
  }
  return (double)h->max / 1e3;
}
