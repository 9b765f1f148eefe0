// Products of a tile of pixels with panels of filters, summed in registers.
#pragma once

#include <cstdint>

#include "vectors.h"

// Where the pixels of a tile find what they are multiplied by; distances in floats.
struct Window {
  const float* x;
  int64_t row, tap, pixel;  // from one row of the kernel, one tap of a row, one pixel of the tile to the next
  int64_t rows, taps, length;
};

// Adds the products of M pixels with V vectors of filters. Three pixels share a pointer: x86 adds 0, 1 or 2 times a
// register to an address at no cost.
template <int M, int V>
inline __attribute__((always_inline)) void Multiply(const Window& in, const float* weight, int64_t panel,
                                                    Vector (&sums)[M][V]) {
  const int64_t one = in.pixel;
  for (int64_t r = 0; r < in.rows; ++r) {
    for (int64_t t = 0; t < in.taps; ++t) {
      const float* pixels[(M + 2) / 3];
#pragma GCC unroll 8
      for (int i = 0; i < (M + 2) / 3; ++i) pixels[i] = in.x + r * in.row + t * in.tap + 3 * i * one;
      for (int64_t c = 0; c < in.length; ++c, weight += kFilters) {
        Vector w[V];
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) w[v] = Load(weight + v / kVectors * panel + v % kVectors * kLanes);
#pragma GCC unroll 16
        for (int m = 0; m < M; ++m) {
          const Vector x = Splat(pixels[m / 3][c + m % 3 * one]);
#pragma GCC unroll 8
          for (int v = 0; v < V; ++v) sums[m][v] += x * w[v];
        }
      }
    }
  }
}
