// Convolutions of images whose channels lie last, as sums of products of a tile of pixels with a panel of filters.
//
// The weight comes as panels (groups, filters / kFilters, *kernel, channels of a group, kFilters), the last panel of a
// group filled with zeros, and the bias filled up like it. A tile's sums stay in registers while its window slides;
// what it reads lies either in the image or, where the window leaves the image, in a copy that has zeros around it.

#include <array>
#include <cstring>
#include <vector>

#include "binding.h"
#include "epilogue.h"
#include "parallel.h"
#include "products.h"

namespace {

constexpr int64_t kPanelBytes = 512 << 10;  // of weights that stay in the second cache while pixels pass by
constexpr int64_t kWorthSharing = 1 << 19;  // products

struct Convolution {
  const float *x, *weight, *bias;
  float* y;
  Epilogue epilogue;
  int64_t batch, height, width, channels, out_height, out_width, out_channels, filters;
  int64_t kernel_h, kernel_w, stride_h, stride_w, before_h, before_w, dilation_h, dilation_w, groups;
  // Nothing is divided for each tile: that takes as long as some hundred products.
  int64_t group_channels = channels / groups, group_filters = filters / groups;
  int64_t panels = (group_filters + kFilters - 1) / kFilters;
  int64_t panel_size = kernel_h * kernel_w * group_channels * kFilters;
};

// Computes M neighbouring pixels of V vectors of filters, of which `filters` exist. `y` is the place of the first.
template <int M, int V>
void Tile(const Convolution& task, const Window& in, const float* weight, const float* bias, int64_t y,
          int64_t filters) {
  Vector sums[M][V];
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) {
    const Vector b = Load(bias + v * kLanes);
#pragma GCC unroll 16
    for (int m = 0; m < M; ++m) sums[m][v] = b;
  }
  Multiply<M, V>(in, weight, task.panel_size, sums);
  const Epilogue& epilogue = task.epilogue;
#pragma GCC unroll 16
  for (int m = 0; m < M; ++m, y += task.out_channels) {
    float* out = task.y + y;
    if (filters >= V * kLanes) {
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) {
        if (epilogue.residual) sums[m][v] += Load(epilogue.residual + y + v * kLanes);
        Store(out + v * kLanes, epilogue(sums[m][v]));
      }
    } else {
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) {
        const First first(filters - v * kLanes);
        if (epilogue.residual) sums[m][v] += first.Load(epilogue.residual + y + v * kLanes);
        first.Store(out + v * kLanes, epilogue(sums[m][v]));
      }
    }
  }
}

using AnyTile = void (*)(const Convolution&, const Window&, const float*, const float*, int64_t, int64_t);

template <int V, int... I>
constexpr std::array<AnyTile, sizeof...(I)> Tiles(std::integer_sequence<int, I...>) {
  return {Tile<I + 1, V>...};
}

// By the number of pixels. Few pixels leave registers for the filters of two panels; the last panel may have few.
constexpr auto kTiles = Tiles<kVectors>(std::make_integer_sequence<int, kPixels>{});
constexpr auto kWideTiles = Tiles<2 * kVectors>(std::make_integer_sequence<int, kPixels / 2>{});
constexpr auto kNarrowTiles = Tiles<1>(std::make_integer_sequence<int, kPixels>{});

// Pixels of one row of the output: `count` from `first` on, of one group.
struct Span {
  int64_t image, row, first, count, group;
};

// A window that starts at x, where rows of the kernel and columns of the image lie so far apart.
Window Sliding(const Convolution& task, const float* x, int64_t row, int64_t column) {
  const int64_t channels = task.group_channels, pixel = task.stride_w * column;
  const bool together = task.dilation_w == 1 && column == channels;  // the taps of a row are one run of memory
  if (together) return {x, row, 0, pixel, task.kernel_h, 1, task.kernel_w * channels};
  return {x, row, task.dilation_w * column, pixel, task.kernel_h, task.kernel_w, channels};
}

// Copies what a span reads, with zeros for what lies outside of the image.
Window Copied(const Convolution& task, const Span& span, int64_t top, int64_t left, int64_t width) {
  thread_local std::vector<float> memory;
  const int64_t channels = task.group_channels;
  const size_t size = task.kernel_h * width * channels;
  if (memory.size() < size) memory.resize(size);
  const int64_t begin = std::clamp<int64_t>(-left, 0, width);
  const int64_t end = std::clamp<int64_t>(task.width - left, begin, width);
  const int64_t piece = task.groups == 1 ? end - begin : 1;  // pixels that lie together on both sides
  for (int64_t r = 0; r < task.kernel_h; ++r) {
    const int64_t y = top + r * task.dilation_h;
    float* to = memory.data() + r * width * channels;
    if (y < 0 || y >= task.height) {
      std::memset(to, 0, width * channels * sizeof(float));
      continue;
    }
    std::memset(to, 0, begin * channels * sizeof(float));
    const int64_t first = (span.image * task.height + y) * task.width + left;
    const float* from = task.x + first * task.channels + span.group * channels;
    for (int64_t i = begin; i < end; i += piece) {
      std::memcpy(to + i * channels, from + i * task.channels, piece * channels * sizeof(float));
    }
    std::memset(to + end * channels, 0, (width - end) * channels * sizeof(float));
  }
  return Sliding(task, memory.data(), width * channels, channels);
}

Window WindowOf(const Convolution& task, const Span& span) {
  const int64_t top = span.row * task.stride_h - task.before_h, left = span.first * task.stride_w - task.before_w;
  const int64_t width = (span.count - 1) * task.stride_w + (task.kernel_w - 1) * task.dilation_w + 1;
  const bool inside = top >= 0 && top + (task.kernel_h - 1) * task.dilation_h < task.height && left >= 0 &&
                      left + width <= task.width;
  if (!inside) return Copied(task, span, top, left, width);
  const float* x = task.x + ((span.image * task.height + top) * task.width + left) * task.channels +
                   span.group * task.group_channels;
  return Sliding(task, x, task.dilation_h * task.width * task.channels, task.channels);
}

// Computes the filters of the panels from `begin` to `end` for a span of pixels.
void Compute(const Convolution& task, const Span& span, int64_t begin, int64_t end) {
  const Window in = WindowOf(task, span);
  const int64_t y = ((span.image * task.out_height + span.row) * task.out_width + span.first) * task.out_channels +
                    span.group * task.group_filters;
  for (int64_t panel = begin; panel < end;) {
    const int64_t place = span.group * task.panels + panel, left = task.group_filters - panel * kFilters;
    const bool wide = span.count <= kPixels / 2 && panel + 1 < end;
    const AnyTile* tiles = wide ? kWideTiles.data() : left <= kLanes ? kNarrowTiles.data() : kTiles.data();
    const int64_t first = y + panel * kFilters;
    tiles[span.count - 1](task, in, task.weight + place * task.panel_size, task.bias + place * kFilters, first, left);
    if (task.epilogue.curve != Curve::kNone) {
      const int64_t filters = std::min<int64_t>(left, (wide ? 2 : 1) * kFilters);
      Bend(task.y + first, span.count, task.out_channels, filters, task.epilogue.curve, task.epilogue.beta);
    }
    panel += wide ? 2 : 1;
  }
}

ffi::Error Run(ffi::ThreadPool pool, ffi::Buffer<ffi::F32> x, ffi::Buffer<ffi::F32> weight, ffi::Buffer<ffi::F32> bias,
               ffi::Buffer<ffi::F32> residual, ffi::ResultBuffer<ffi::F32> y, ffi::Span<const int64_t> kernel,
               ffi::Span<const int64_t> stride, ffi::Span<const int64_t> before, ffi::Span<const int64_t> dilation,
               int64_t groups, bool adds, int64_t first, int64_t filters, float slope, float low, float high,
               int64_t curve, float beta) {
  if (y->element_count() == 0) return ffi::Error::Success();
  const auto in = x.dimensions(), out = y->dimensions();
  const float* added = adds ? residual.typed_data() : nullptr;
  Convolution task{x.typed_data(), weight.typed_data(), bias.typed_data(), y->typed_data() + first,
                   {added, slope, low, high, Curve(curve), beta},
                   in[0], in[1], in[2], in[3], out[1], out[2], out[3], filters,
                   kernel[0], kernel[1], stride[0], stride[1], before[0], before[1], dilation[0], dilation[1], groups};
  const bool same_place = task.kernel_h * task.kernel_w * task.stride_h * task.stride_w == 1 && task.before_h == 0 &&
                          task.before_w == 0 && out[1] == in[1] && out[2] == in[2];
  if (same_place) {
    task.width = task.out_width = task.batch * task.height * task.width;  // all pixels in one row
    task.batch = task.height = task.out_height = 1;
  }
  const int64_t products = in[0] * out[1] * out[2] * filters * task.panel_size / kFilters;
  const int64_t threads = Threads(pool, products >= kWorthSharing);
  // Pixels that lie a multiple of a page apart would compete for the same places in the first cache.
  const bool competing = task.stride_w * task.channels * sizeof(float) % 4096 == 0;
  const int64_t widest = competing ? kPixels / 2 : kPixels, spans = (task.out_width + widest - 1) / widest;
  const Pieces columns(task.out_width, spans);
  // An item is some spans of pixels with as many panels as the second cache keeps.
  const int64_t all = task.batch * task.out_height * spans, wanted = kItemsPerThread * threads;
  const int64_t shared = std::max<int64_t>(2, task.panels * groups * all / wanted);
  const int64_t kept = std::max<int64_t>(2, kPanelBytes / (task.panel_size * sizeof(float)));
  const int64_t panels = std::min({shared, kept, task.panels});
  const int64_t parts = (task.panels + panels - 1) / panels * groups;
  const int64_t pieces = std::clamp<int64_t>((wanted + parts - 1) / parts, 1, all);
  const Pieces shares(all, pieces);
  const auto work = [&](int64_t item) {
    const int64_t piece = item % pieces, part = item / pieces, group = part % groups;
    const int64_t begin = part / groups * panels, end = std::min(begin + panels, task.panels);
    int64_t i = shares.First(piece), row = i / spans, span = i % spans;
    int64_t image = row / task.out_height;
    row %= task.out_height;
    for (const int64_t last = shares.First(piece + 1); i < last; ++i) {
      const int64_t first = columns.First(span);
      Compute(task, {image, row, first, columns.First(span + 1) - first, group}, begin, end);
      if (++span < spans) continue;
      span = 0;
      if (++row < task.out_height) continue;
      row = 0;
      ++image;
    }
  };
  Parallel(pool, threads, pieces * parts, work);
  return ffi::Error::Success();
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(jaxdnn_convolution, Run, binding::Direct());

// How many filters a panel of the weight has on this machine.
extern "C" int jaxdnn_filters() { return kFilters; }
