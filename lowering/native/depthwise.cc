// Convolutions in which each channel is a group of its own, of images whose channels lie last.
//
// The weight comes as (*kernel, channels). Windows are cut where they leave the image.

#include "binding.h"
#include "epilogue.h"
#include "parallel.h"
#include "reach.h"

namespace {

constexpr int64_t kWorthSharing = 1 << 16;  // products

struct Depthwise {
  const float *x, *weight, *bias;
  float* y;
  Epilogue epilogue;
  int64_t height, width, channels, out_height, out_width;
  int64_t kernel_h, kernel_w, stride_h, stride_w, before_h, before_w, dilation_h, dilation_w;

  // The channels from c on, M vectors of them, of P neighbouring pixels.
  template <typename V, int P, int M>
  inline void Block(const float* in, int64_t place, const Reach& rows, const Reach& columns, int64_t c) const {
    V sums[P][M];
#pragma GCC unroll 8
    for (int m = 0; m < M; ++m) {
      const V b = Load<V>(bias + c + m * kWidth<V>);
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) sums[p][m] = b;
    }
    for (int64_t r = rows.begin; r < rows.end; ++r) {
      for (int64_t s = columns.begin; s < columns.end; ++s) {
        const float* from = in + (r * dilation_h * width + s * dilation_w) * channels + c;
        const float* factors = weight + (r * kernel_w + s) * channels + c;
#pragma GCC unroll 8
        for (int m = 0; m < M; ++m) {
          const V factor = Load<V>(factors + m * kWidth<V>);
#pragma GCC unroll 8
          for (int p = 0; p < P; ++p) {
            sums[p][m] += Load<V>(from + p * stride_w * channels + m * kWidth<V>) * factor;
          }
        }
      }
    }
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) {
#pragma GCC unroll 8
      for (int m = 0; m < M; ++m) {
        const int64_t to = place + p * channels + c + m * kWidth<V>;
        if (epilogue.residual) sums[p][m] += Load<V>(epilogue.residual + to);
        Store(y + to, epilogue(sums[p][m]));
      }
    }
  }

  template <int P>
  void Pixels(const float* in, int64_t place, const Reach& rows, const Reach& columns) const {
    EachVector<2>(channels, [&](auto zero, auto count, int64_t c) {
      Block<decltype(zero), P, decltype(count)::value>(in, place, rows, columns, c);
    });
    if (epilogue.curve != Curve::kNone) Bend(y + place, 1, 0, P * channels, epilogue.curve, epilogue.beta);
  }

  void Row(int64_t row) const {
    constexpr int kTogether = 4;
    const int64_t image = row / out_height;
    const Reach rows(row % out_height, stride_h, before_h, dilation_h, kernel_h, height);
    for (int64_t i = 0; i < out_width;) {
      const Reach columns(i, stride_w, before_w, dilation_w, kernel_w, width);
      const int64_t last = columns.start + (kTogether - 1) * stride_w + (kernel_w - 1) * dilation_w;
      const bool together = i + kTogether <= out_width && columns.start >= 0 && last < width;
      const float* in = x + ((image * height + rows.start) * width + columns.start) * channels;
      const int64_t place = (row * out_width + i) * channels;
      if (together) {
        Pixels<kTogether>(in, place, rows, columns);
      } else {
        Pixels<1>(in, place, rows, columns);
      }
      i += together ? kTogether : 1;
    }
  }
};

ffi::Error Run(ffi::ThreadPool pool, ffi::Buffer<ffi::F32> x, ffi::Buffer<ffi::F32> weight, ffi::Buffer<ffi::F32> bias,
               ffi::Buffer<ffi::F32> residual, ffi::ResultBuffer<ffi::F32> y, ffi::Span<const int64_t> kernel,
               ffi::Span<const int64_t> stride, ffi::Span<const int64_t> before, ffi::Span<const int64_t> dilation,
               int64_t /* as many as channels */, bool adds, int64_t /* 0 */, int64_t /* as many, too */, float slope,
               float low, float high, int64_t curve, float beta) {
  if (y->element_count() == 0) return ffi::Error::Success();
  const auto in = x.dimensions(), out = y->dimensions();
  const float* added = adds ? residual.typed_data() : nullptr;
  const Depthwise task{x.typed_data(), weight.typed_data(), bias.typed_data(), y->typed_data(),
                       {added, slope, low, high, Curve(curve), beta}, in[1], in[2], in[3], out[1], out[2],
                       kernel[0], kernel[1], stride[0], stride[1], before[0], before[1], dilation[0], dilation[1]};
  const int64_t products = y->element_count() * kernel[0] * kernel[1];
  ParallelFor(pool, Threads(pool, products >= kWorthSharing), in[0] * out[1], [&](int64_t row) { task.Row(row); });
  return ffi::Error::Success();
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(jaxdnn_depthwise, Run, binding::Direct());
