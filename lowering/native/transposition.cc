// Matrices with rows and columns exchanged: images whose channels come last, or first again.

#include <algorithm>

#include "binding.h"
#include "parallel.h"

#ifdef __SSE__
#include <xmmintrin.h>
#endif

namespace {

constexpr int64_t kSide = 16;  // of a tile, whose lines stay in the first cache
constexpr int64_t kColours = 3, kStrip = 1024;  // pixels of a picture that are one item
constexpr int64_t kWorthSharing = 1 << 15;  // numbers

struct Transposition {
  const float* x;
  float* y;
  int64_t rows, columns;

  // Four rows and columns, or as many as there are.
  inline void Four(int64_t image, int64_t row, int64_t column) const {
    const float* from = x + (image * rows + row) * columns + column;
    float* to = y + (image * columns + column) * rows + row;
    const int64_t height = std::min<int64_t>(4, rows - row), width = std::min<int64_t>(4, columns - column);
#ifdef __SSE__
    if (height == 4 && width == 4) {
      __m128 a = _mm_loadu_ps(from), b = _mm_loadu_ps(from + columns);
      __m128 c = _mm_loadu_ps(from + 2 * columns), d = _mm_loadu_ps(from + 3 * columns);
      _MM_TRANSPOSE4_PS(a, b, c, d);
      _mm_storeu_ps(to, a);
      _mm_storeu_ps(to + rows, b);
      _mm_storeu_ps(to + 2 * rows, c);
      _mm_storeu_ps(to + 3 * rows, d);
      return;
    }
#endif
    for (int64_t j = 0; j < width; ++j) {
      for (int64_t i = 0; i < height; ++i) to[j * rows + i] = from[i * columns + j];
    }
  }

  // Pixels of a picture from `begin` to `end`. Each store writes one number too many, where the next pixel begins; that
  // of the last one would be another thread's.
  void Pixels(int64_t image, int64_t begin, int64_t end) const {
#ifdef __SSE__
    const float* from = x + image * rows * columns;
    float* to = y + image * rows * columns;
    for (; begin + 4 < end; begin += 4) {
      __m128 a = _mm_loadu_ps(from + begin), b = _mm_loadu_ps(from + columns + begin);
      __m128 c = _mm_loadu_ps(from + 2 * columns + begin), d = _mm_setzero_ps();
      _MM_TRANSPOSE4_PS(a, b, c, d);
      _mm_storeu_ps(to + 3 * begin, a);
      _mm_storeu_ps(to + 3 * begin + 3, b);
      _mm_storeu_ps(to + 3 * begin + 6, c);
      _mm_storeu_ps(to + 3 * begin + 9, d);
    }
#endif
    for (; begin < end; begin += 4) Four(image, 0, begin);
  }

  // Columns from `begin` to `end`.
  void Columns(int64_t image, int64_t begin, int64_t end) const {
    for (int64_t column = begin; column < end; column += kSide) {
      const int64_t last = std::min(column + kSide, end);
      for (int64_t row = 0; row < rows; row += 4) {
        for (int64_t j = column; j < last; j += 4) Four(image, row, j);
      }
    }
  }
};

ffi::Error Run(ffi::ThreadPool pool, ffi::Buffer<ffi::F32> x, ffi::ResultBuffer<ffi::F32> y) {
  if (y->element_count() == 0) return ffi::Error::Success();
  const auto in = x.dimensions();
  const Transposition task{x.typed_data(), y->typed_data(), in[1], in[2]};
  const bool picture = task.rows == kColours;
  const int64_t side = picture ? kStrip : kSide, tiles = (task.columns + side - 1) / side;
  const int64_t threads = Threads(pool, static_cast<int64_t>(x.element_count()) >= kWorthSharing);
  ParallelFor(pool, threads, in[0] * tiles, [&](int64_t i) {
    const int64_t image = i / tiles, begin = i % tiles * side, end = std::min(begin + side, task.columns);
    picture ? task.Pixels(image, begin, end) : task.Columns(image, begin, end);
  });
  return ffi::Error::Success();
}

// (images, rows, columns)
auto Binding() { return ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<binding::Array>().Ret<binding::Array>(); }

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(jaxdnn_transposition, Run, Binding());
