// Vectors as wide as the machine's, by the extension that GCC and Clang share.
#pragma once

#include <cstdint>
#include <cstring>

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

// Calls block(V, i) for vectors V at all places i that together cover `count` numbers; where they do not fit, the last
// one begins before the end of the one before it.
template <typename Block>
inline void EachVector(int64_t count, const Block& block) {
  const auto each = [&](auto zero) {
    constexpr int64_t width = kWidth<decltype(zero)>;
    int64_t i = 0;
    for (; i + width <= count; i += width) block(zero, i);
    if (i < count) block(zero, count - width);
  };
  if (count >= kWidth<Vector>) {
    each(Vector{});
  } else if (count >= kWidth<Quad>) {
    each(Quad{});
  } else {
    each(0.f);
  }
}
