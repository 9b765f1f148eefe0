// The largest element or the sum of each window, of images whose channels lie last.
//
// Windows are cut where they leave the image; one that lies outside has the lowest finite number, or zero.

#include <limits>

#include "binding.h"
#include "parallel.h"
#include "reach.h"
#include "vectors.h"

namespace {

constexpr int64_t kWorthSharing = 1 << 16;  // elements that windows cover
constexpr int64_t kPartsPerThread = 4;

// Not a number stays that.
struct Largest {
  static constexpr float kNone = std::numeric_limits<float>::lowest();

  template <typename V>
  static inline V Combine(V most, V x) {
    return Larger(x, most);
  }
};

struct Sum {
  static constexpr float kNone = 0;

  template <typename V>
  static inline V Combine(V sum, V x) {
    return sum + x;
  }
};

struct Pooling {
  const float* x;
  float* y;
  int64_t height, width, channels, out_height, out_width;
  int64_t kernel_h, kernel_w, stride_h, stride_w, before_h, before_w, dilation_h, dilation_w;

  // A row of outputs, of the channels from `begin` to `end`. Each row of a window is combined by itself first, so that
  // sums of many cells round less.
  template <typename Statistic>
  void Row(int64_t row, int64_t begin, int64_t end) const {
    const int64_t image = row / out_height;
    const Reach rows(row % out_height, stride_h, before_h, dilation_h, kernel_h, height);
    for (int64_t i = 0; i < out_width; ++i) {
      const Reach columns(i, stride_w, before_w, dilation_w, kernel_w, width);
      const float* in = x + ((image * height + rows.start) * width + columns.start) * channels + begin;
      float* out = y + (row * out_width + i) * channels + begin;
      const bool outside = rows.begin == rows.end || columns.begin == columns.end;
      const int64_t first = columns.begin * dilation_w * channels, next = dilation_w * channels;
      EachVector<4>(end - begin, [&](auto zero, auto count, int64_t c) {
        using V = decltype(zero);
        constexpr int M = decltype(count)::value;
        V found[M];
        for (int m = 0; m < M; ++m) found[m] = Splat<V>(Statistic::kNone);
        for (int64_t r = rows.begin; r < rows.end && !outside; ++r) {
          const float* from = in + r * dilation_h * width * channels + first + c;
          V cells[M];
          for (int m = 0; m < M; ++m) cells[m] = Load<V>(from + m * kWidth<V>);
          for (int64_t s = columns.begin + 1; s < columns.end; ++s) {
            from += next;
            for (int m = 0; m < M; ++m) cells[m] = Statistic::Combine(cells[m], Load<V>(from + m * kWidth<V>));
          }
          for (int m = 0; m < M; ++m) found[m] = r == rows.begin ? cells[m] : Statistic::Combine(found[m], cells[m]);
        }
        for (int m = 0; m < M; ++m) Store(out + c + m * kWidth<V>, found[m]);
      });
    }
  }
};

ffi::Error Run(ffi::ThreadPool pool, ffi::Buffer<ffi::F32> x, ffi::ResultBuffer<ffi::F32> y,
               ffi::Span<const int64_t> kernel, ffi::Span<const int64_t> stride, ffi::Span<const int64_t> before,
               ffi::Span<const int64_t> dilation, bool largest) {
  if (y->element_count() == 0) return ffi::Error::Success();
  const auto in = x.dimensions(), out = y->dimensions();
  const Pooling task{x.typed_data(), y->typed_data(), in[1], in[2], in[3], out[1], out[2], kernel[0], kernel[1],
                     stride[0], stride[1], before[0], before[1], dilation[0], dilation[1]};
  const int64_t covered = y->element_count() * kernel[0] * kernel[1];
  const int64_t threads = Threads(pool, covered >= kWorthSharing), rows = in[0] * out[1];
  // Few rows are shared by their channels, too.
  const int64_t vectors = (in[3] + kLanes - 1) / kLanes;
  const int64_t parts = threads == 1 ? 1 : std::clamp<int64_t>(kPartsPerThread * threads / rows, 1, vectors);
  const Pieces pieces(vectors, parts);
  ParallelFor(pool, threads, rows * parts, [&](int64_t i) {
    const int64_t row = i / parts, part = i % parts;
    const int64_t begin = pieces.First(part) * kLanes, end = std::min(pieces.First(part + 1) * kLanes, in[3]);
    largest ? task.Row<Largest>(row, begin, end) : task.Row<Sum>(row, begin, end);
  });
  return ffi::Error::Success();
}

// x, and whether the largest element is wanted, or the sum.
auto Binding() {
  return binding::Sliding(ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<binding::Array>().Ret<binding::Array>())
      .Attr<bool>("largest");
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(jaxdnn_pooling, Run, Binding());
