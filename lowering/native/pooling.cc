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

// Not a number stays that.
struct Largest {
  static constexpr float kNone = std::numeric_limits<float>::lowest();

  template <typename V>
  static inline V Combine(V most, V x) {
    return (x > most) | (x != x) ? x : most;
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

  template <typename Statistic>
  void Row(int64_t row) const {
    const int64_t image = row / out_height;
    const Reach rows(row % out_height, stride_h, before_h, dilation_h, kernel_h, height);
    for (int64_t i = 0; i < out_width; ++i) {
      const Reach columns(i, stride_w, before_w, dilation_w, kernel_w, width);
      const float* in = x + ((image * height + rows.start) * width + columns.start) * channels;
      float* out = y + (row * out_width + i) * channels;
      const bool outside = rows.begin == rows.end || columns.begin == columns.end;
      const int64_t first = (rows.begin * dilation_h * width + columns.begin * dilation_w) * channels;
      EachVector(channels, [&](auto zero, int64_t c) {
        using V = decltype(zero);
        V found = outside ? Splat<V>(Statistic::kNone) : Load<V>(in + first + c);
        for (int64_t r = rows.begin; r < rows.end; ++r) {
          const float* from = in + r * dilation_h * width * channels + c;
          for (int64_t s = columns.begin + (r == rows.begin); s < columns.end; ++s) {
            found = Statistic::Combine(found, Load<V>(from + s * dilation_w * channels));
          }
        }
        Store(out + c, found);
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
  ParallelFor(pool, Threads(pool, covered >= kWorthSharing), in[0] * out[1], [&](int64_t row) {
    largest ? task.Row<Largest>(row) : task.Row<Sum>(row);
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
