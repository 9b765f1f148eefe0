// Vectors as wide as the machine's, by the extension that GCC and Clang share.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#ifdef __AVX__
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
constexpr int kLanes = 16, kPixels = 14;
#elif defined(__AVX__)
constexpr int kLanes = 8, kPixels = 6;
#else
constexpr int kLanes = 4, kPixels = 6;
#endif
// A tile has kPixels x kFilters sums, as many as stay in registers together with what they are made of.
constexpr int kVectors = 2;
constexpr int kFilters = kVectors * kLanes;

typedef float Vector __attribute__((vector_size(kLanes * sizeof(float))));
typedef float Quad __attribute__((vector_size(4 * sizeof(float))));

// How many numbers a Vector, a Quad or a float has.
template <typename V>
constexpr int64_t kWidth = sizeof(V) / sizeof(float);

// Memory need not be aligned.
template <typename V = Vector>
inline V Load(const float* from) {
  V v;
  std::memcpy(&v, from, sizeof(V));
  return v;
}

template <typename V>
inline void Store(float* to, V v) {
  std::memcpy(to, &v, sizeof(V));
}

// Subtracting zero changes no number, so that compilers drop it; adding it would make +0 of -0.
template <typename V = Vector>
inline V Splat(float a) {
  return a - V{};
}

// The larger and the smaller of two numbers; not a number if the second one is that.
template <typename V>
inline V Max(V a, V b) {
  return a > b ? a : b;
}

template <typename V>
inline V Min(V a, V b) {
  return a < b ? a : b;
}

// The same, but not a number if either is that.
template <typename V>
inline V Larger(V a, V b) {
  return (a > b) | (a != a) ? a : b;
}

template <typename V>
inline V Smaller(V a, V b) {
  return (a < b) | (a != a) ? a : b;
}

#if defined(__AVX512F__)  // one instruction instead of two
inline Vector Max(Vector a, Vector b) { return (Vector)_mm512_max_ps((__m512)a, (__m512)b); }
inline Vector Min(Vector a, Vector b) { return (Vector)_mm512_min_ps((__m512)a, (__m512)b); }
#elif defined(__AVX__)
inline Vector Max(Vector a, Vector b) { return (Vector)_mm256_max_ps((__m256)a, (__m256)b); }
inline Vector Min(Vector a, Vector b) { return (Vector)_mm256_min_ps((__m256)a, (__m256)b); }
#endif

// v * 2^n for whole n; none of them is close to the largest or the smallest number.
inline Vector TimesPowerOfTwo(Vector v, Vector n) {
#ifdef __AVX512F__
  return (Vector)_mm512_scalef_ps((__m512)v, (__m512)n);
#else
  typedef int32_t Whole __attribute__((vector_size(sizeof(Vector))));
  const Whole bits = (__builtin_convertvector(n, Whole) + 127) << 23;
  return v * (Vector)bits;
#endif
}

// 1 / v, to 2^-23 of it; below 2^-126 it may be zero.
inline Vector Reciprocal(Vector v) {
#ifdef __AVX512F__
  const Vector near = (Vector)_mm512_rcp14_ps((__m512)v);  // a division takes as long as ten products
  return near * (Splat(2) - v * near);
#else
  return Splat(1) / v;
#endif
}

// The first numbers of a vector, as many as are given, or none, or all.
class First {
 public:
#if defined(__AVX512F__)
  explicit First(int64_t count) : mask_(count <= 0 ? 0 : count >= kLanes ? -1 : (1 << count) - 1) {}
  Vector Load(const float* from) const { return (Vector)_mm512_maskz_loadu_ps(mask_, from); }
  void Store(float* to, Vector v) const { _mm512_mask_storeu_ps(to, mask_, (__m512)v); }

 private:
  __mmask16 mask_;
#elif defined(__AVX__)
  explicit First(int64_t count) : mask_((__m256i)(Lanes{0, 1, 2, 3, 4, 5, 6, 7} < static_cast<int32_t>(count))) {}
  Vector Load(const float* from) const { return (Vector)_mm256_maskload_ps(from, mask_); }
  void Store(float* to, Vector v) const { _mm256_maskstore_ps(to, mask_, (__m256)v); }

 private:
  typedef int32_t Lanes __attribute__((vector_size(sizeof(Vector))));
  __m256i mask_;
#else
  explicit First(int64_t count) : count_(count < kLanes ? count : kLanes) {}
  Vector Load(const float* from) const {
    Vector v{};
    for (int64_t i = 0; i < count_; ++i) v[i] = from[i];
    return v;
  }
  void Store(float* to, Vector v) const {
    for (int64_t i = 0; i < count_; ++i) to[i] = v[i];
  }

 private:
  int64_t count_;
#endif
};

template <int N>
using Number = std::integral_constant<int, N>;

// Calls block(V, n, i) for n vectors V at all places i that together cover `count` numbers, n being M or 1; where they
// do not fit, the last one begins before the end of the one before it.
template <int M, typename Block>
inline void EachVector(int64_t count, const Block& block) {
  const auto each = [&](auto zero) {
    constexpr int64_t width = kWidth<decltype(zero)>;
    int64_t i = 0;
    for (; i + M * width <= count; i += M * width) block(zero, Number<M>{}, i);
    for (; M > 1 && i + width <= count; i += width) block(zero, Number<1>{}, i);
    if (i < count) block(zero, Number<1>{}, count - width);
  };
  if (count >= kWidth<Vector>) {
    each(Vector{});
  } else if (count >= kWidth<Quad>) {
    each(Quad{});
  } else {
    each(0.f);
  }
}
