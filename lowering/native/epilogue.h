// What follows a sum of products while it is still in a register.
#pragma once

#include <algorithm>
#include <cstdint>

#include "vectors.h"

// Activations that need more registers than sums leave: they are computed from memory, which is still in the cache.
enum class Curve : int64_t { kNone, kSwish, kMish, kHardSwish };

// y = min(max(leaky(y + residual), low), high), where leaky(y) is y above zero and slope * y below.
// Not a number stays that.
struct Epilogue {
  const float* residual;  // laid out as the output, or null
  float slope, low, high;
  Curve curve;
  float beta;  // of the swish

  template <typename V>
  inline V operator()(V y) const {
    if (slope != 1) y = y > 0 ? y : y * Splat<V>(slope);
    return Min(Splat<V>(high), Max(Splat<V>(low), y));
  }
};

// e^x, to 2e-7 of it: 2^n * e^r, where n is whole and |r| <= log(2) / 2, and the polynomial whose largest error there,
// 2e-8 of e^r, is the least.
inline Vector Exp(Vector x) {
  x = Min(Splat(88), Max(Splat(-87), x));
  const Vector large = Splat(12582912);  // 1.5 * 2^23: what is added to it is rounded to a whole number
  const Vector n = (x * Splat(1.44269504f) + large) - large;
  const Vector r = (x - n * Splat(0.693359375f)) - n * Splat(-2.12194440e-4f);  // log(2) in two parts
  Vector y = Splat(1.38368458e-3f);
  for (float factor : {8.37481581e-3f, 4.16682251e-2f, 0.166664198f, 0.499999911f, 1.f, 1.f}) y = y * r + Splat(factor);
  return TimesPowerOfTwo(y, n);
}

inline Vector Bent(Vector x, Curve curve, float beta) {
  const Vector one = Splat(1);
  if (curve == Curve::kSwish) return x * Reciprocal(one + Exp(-x * Splat(beta)));
  if (curve == Curve::kMish) {
    const Vector e = Exp(Min(Splat(20), x)), n = e * (e + Splat(2));  // from 20 on the quotient is 1
    return x * (n * Reciprocal(n + Splat(2)));
  }
  return x * Min(one, Max(Splat(0), x * Splat(1.f / 6) + Splat(0.5f)));
}

// Bends rows of `count` numbers, each so far behind the one before it.
__attribute__((noinline)) inline void Bend(float* y, int64_t rows, int64_t apart, int64_t count, Curve curve,
                                           float beta) {
  for (int64_t r = 0; r < rows; ++r, y += apart) {
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) Store(y + i, Bent(Load(y + i), curve, beta));
    if (i == count) continue;
    const First rest(count - i);
    rest.Store(y + i, Bent(rest.Load(y + i), curve, beta));
  }
}
