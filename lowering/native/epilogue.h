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
    const V floor = Splat<V>(low), ceiling = Splat<V>(high);
    y = floor > y ? floor : y;
    return ceiling < y ? ceiling : y;
  }
};

// e^x, to 2e-7 of it: 2^n * e^r, where n is whole and |r| <= log(2) / 2, and Taylor's series of e^r.
inline Vector Exp(Vector x) {
  const Vector least = Splat(-87), most = Splat(88);
  x = least > x ? least : x;
  x = most < x ? most : x;
  const Vector large = Splat(12582912);  // 1.5 * 2^23: what is added to it is rounded to a whole number
  const Vector n = (x * Splat(1.44269504f) + large) - large;
  const Vector r = (x - n * Splat(0.693359375f)) - n * Splat(-2.12194440e-4f);  // log(2) in two parts
  Vector y = Splat(1.f / 5040);
  for (float factor : {1.f / 720, 1.f / 120, 1.f / 24, 1.f / 6, 1.f / 2, 1.f, 1.f}) y = y * r + Splat(factor);
  typedef int32_t Whole __attribute__((vector_size(kLanes * sizeof(int32_t))));
  const Whole bits = (__builtin_convertvector(n, Whole) + 127) << 23;
  Vector power;
  std::memcpy(&power, &bits, sizeof(power));
  return y * power;
}

inline Vector Bent(Vector x, Curve curve, float beta) {
  const Vector one = Splat(1);
  if (curve == Curve::kSwish) return x / (one + Exp(-x * Splat(beta)));
  if (curve == Curve::kMish) {
    const Vector limit = Splat(20);  // from here on the quotient is 1
    const Vector e = Exp(limit < x ? limit : x), n = e * (e + Splat(2));
    return x * (n / (n + Splat(2)));
  }
  const Vector zero = Splat(0), gate = x * Splat(1.f / 6) + Splat(0.5f);
  const Vector above = zero > gate ? zero : gate;
  return x * (one < above ? one : above);
}

// Bends `count` numbers.
__attribute__((noinline)) inline void Bend(float* y, int64_t count, Curve curve, float beta) {
  for (int64_t i = 0; i + kLanes <= count; i += kLanes) Store(y + i, Bent(Load(y + i), curve, beta));
  const int64_t rest = count % kLanes;
  if (rest) {
    float last[kLanes] = {};
    std::copy_n(y + count - rest, rest, last);
    Store(last, Bent(Load(last), curve, beta));
    std::copy_n(last, rest, y + count - rest);
  }
}
