// Convolutions of three by three taps by Winograd's algorithm, of images whose channels lie last; see winograd.py.
//
// Tiles of 4 x 4 outputs read 6 x 6 pixels, which become values of polynomials at 36 places. At each place the values
// of some tiles are a matrix, which is multiplied by one of weights; the products become outputs. As many tiles are
// computed together as the caches keep: the three stages take turns, and share their work among threads by themselves.
//
// Places are numbered column by column. The weight comes as panels (36, groups, filters / kFilters, channels of a
// group, kFilters), the last panel of a group and the bias filled with zeros.

#include <array>
#include <vector>

#include "binding.h"
#include "epilogue.h"
#include "parallel.h"
#include "products.h"

namespace {

constexpr int64_t kOutputs = 4, kSide = 6, kPlaces = kSide * kSide;
constexpr int64_t kWorthSharing = 1 << 12;  // vectors of a stage

// Polynomials are evaluated at 0, +-kNear, +-kFar and infinity.
constexpr float kNear = 2.f / 3, kFar = 4.f / 3;
constexpr float kNear2 = kNear * kNear, kFar2 = kFar * kFar;

// Along one axis: what is multiplied, of six pixels.
template <typename V>
inline __attribute__((always_inline)) void Evaluate(const V (&x)[kSide], V (&y)[kSide]) {
  const V sum = Splat<V>(kNear2 + kFar2), product = Splat<V>(kNear2 * kFar2);
  const V even_near = x[4] - Splat<V>(kFar2) * x[2], odd_near = Splat<V>(kNear) * (x[3] - Splat<V>(kFar2) * x[1]);
  const V even_far = x[4] - Splat<V>(kNear2) * x[2], odd_far = Splat<V>(kFar) * (x[3] - Splat<V>(kNear2) * x[1]);
  y[0] = x[4] - sum * x[2] + product * x[0];
  y[1] = even_near + odd_near;
  y[2] = even_near - odd_near;
  y[3] = even_far + odd_far;
  y[4] = even_far - odd_far;
  y[5] = x[5] - sum * x[3] + product * x[1];
}

// Along one axis: four outputs, of six products.
template <typename V>
inline __attribute__((always_inline)) void Interpolate(const V (&x)[kSide], V (&y)[kOutputs]) {
  const V near = x[1] + x[2], far = x[3] + x[4];
  const V near_odd = Splat<V>(kNear) * (x[1] - x[2]), far_odd = Splat<V>(kFar) * (x[3] - x[4]);
  y[0] = x[0] + near + far;
  y[1] = near_odd + far_odd;
  y[2] = Splat<V>(kNear2) * near + Splat<V>(kFar2) * far;
  y[3] = Splat<V>(kNear2) * near_odd + Splat<V>(kFar2) * far_odd + x[5];
}

struct Winograd {
  const float *x, *weight, *bias;
  float *y, *values, *products;
  Epilogue epilogue;
  int64_t height, width, channels, out_height, out_width, out_channels, filters, before_h, before_w, groups;
  int64_t tile_rows, tile_columns;
  int64_t most;                    // tiles that are computed together
  int64_t value_row, product_row;  // from one tile's values or products to the next one's, in floats
  // Nothing is divided for each tile: that takes as long as some hundred products.
  int64_t group_channels = channels / groups, group_filters = filters / groups;
  int64_t group_panels = (group_filters + kFilters - 1) / kFilters, panels = groups * group_panels;

  // Where a tile's outputs begin.
  struct Corner {
    int64_t image, top, left;
  };

  Corner CornerOf(int64_t tile) const {
    const int64_t row = tile / tile_columns, image = row / tile_rows;
    return {image, (row - image * tile_rows) * kOutputs, (tile - row * tile_columns) * kOutputs};
  }

  // Tile `i` of those in memory is tile `tile` of all.
  void EvaluateTile(int64_t i, int64_t tile) const {
    thread_local std::vector<float> zeros;
    if (static_cast<int64_t>(zeros.size()) < channels) zeros.resize(channels);
    const Corner corner = CornerOf(tile);
    const int64_t top = corner.top - before_h, left = corner.left - before_w;
    const float* pixels[kSide][kSide];
    for (int64_t r = 0; r < kSide; ++r) {
      for (int64_t c = 0; c < kSide; ++c) {
        const bool inside = top + r >= 0 && top + r < height && left + c >= 0 && left + c < width;
        pixels[r][c] = inside ? x + ((corner.image * height + top + r) * width + left + c) * channels : zeros.data();
      }
    }
    float* out = values + i * value_row;
    EachVector<1>(channels, [&](auto zero, auto, int64_t c) {
      using V = decltype(zero);
      V half[kSide][kSide], in[kSide], evaluated[kSide];
#pragma GCC unroll 8
      for (int s = 0; s < kSide; ++s) {
#pragma GCC unroll 8
        for (int r = 0; r < kSide; ++r) in[r] = Load<V>(pixels[r][s] + c);
        Evaluate(in, evaluated);
#pragma GCC unroll 8
        for (int r = 0; r < kSide; ++r) half[r][s] = evaluated[r];
      }
#pragma GCC unroll 8
      for (int r = 0; r < kSide; ++r) {
        Evaluate(half[r], evaluated);
#pragma GCC unroll 8
        for (int s = 0; s < kSide; ++s) Store(out + (s * kSide + r) * most * value_row + c, evaluated[s]);
      }
    });
  }

  template <int M>
  static void Product(const Window& in, const float* weight, float* out, int64_t row) {
    Vector sums[M][kVectors] = {};
    Multiply<M, kVectors>(in, weight, 0, sums);
#pragma GCC unroll 16
    for (int m = 0; m < M; ++m) {
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) Store(out + m * row + v * kLanes, sums[m][v]);
    }
  }

  using AnyProduct = void (*)(const Window&, const float*, float*, int64_t);

  template <int... I>
  static constexpr std::array<AnyProduct, sizeof...(I)> Products(std::integer_sequence<int, I...>) {
    return {Product<I + 1>...};
  }

  // Multiplies the values of the first tiles at one place by a panel.
  void MultiplyPanel(int64_t place, int64_t panel, int64_t tiles) const {
    static constexpr auto kProducts = Products(std::make_integer_sequence<int, kPixels>{});
    const int64_t length = group_channels, channel = panel / group_panels * length;
    const float* factors = weight + (place * panels + panel) * length * kFilters;
    const int64_t spans = (tiles + kPixels - 1) / kPixels;
    const Pieces pieces(tiles, spans);
    for (int64_t span = 0; span < spans; ++span) {
      const int64_t first = pieces.First(span), count = pieces.First(span + 1) - first;
      const Window in{values + (place * most + first) * value_row + channel, 0, 0, value_row, 1, 1, length};
      float* out = products + (place * most + first) * product_row + panel * kFilters;
      kProducts[count - 1](in, factors, out, product_row);
    }
  }

  void InterpolateTile(int64_t i, int64_t tile) const {
    const auto [image, top, left] = CornerOf(tile);
    const int64_t rows = std::min(kOutputs, out_height - top), columns = std::min(kOutputs, out_width - left);
    const int64_t first = ((image * out_height + top) * out_width + left) * out_channels;
    for (int64_t group = 0; group < groups; ++group) {
      InterpolateGroup(i, first + group * group_filters, rows, columns, group * group_panels * kFilters);
    }
    if (epilogue.curve == Curve::kNone) return;
    for (int64_t r = 0; r < rows; ++r) {
      Bend(y + first + r * out_width * out_channels, columns, out_channels, filters, epilogue.curve, epilogue.beta);
    }
  }

  // Computes the rows and columns of a tile that lie in the image, from `first` on, of the group whose panels begin at
  // `panel`.
  void InterpolateGroup(int64_t i, int64_t first, int64_t rows, int64_t columns, int64_t panel) const {
    const float* in = products + i * product_row + panel;
    EachVector<1>(group_filters, [&](auto zero, auto, int64_t f) {
      using V = decltype(zero);
      V half[kOutputs][kSide], read[kSide], out[kOutputs];
#pragma GCC unroll 8
      for (int s = 0; s < kSide; ++s) {
#pragma GCC unroll 8
        for (int r = 0; r < kSide; ++r) read[r] = Load<V>(in + (s * kSide + r) * most * product_row + f);
        Interpolate(read, out);
#pragma GCC unroll 8
        for (int r = 0; r < kOutputs; ++r) half[r][s] = out[r];
      }
      const V added = Load<V>(bias + panel + f);
      for (int64_t r = 0; r < rows; ++r) {
        Interpolate(half[r], out);
        for (int64_t s = 0; s < columns; ++s) {
          const int64_t place = first + (r * out_width + s) * out_channels + f;
          V sum = out[s] + added;
          if (epilogue.residual) sum += Load<V>(epilogue.residual + place);
          Store(y + place, epilogue(sum));
        }
      }
    });
  }
};

ffi::Error Run(ffi::ThreadPool pool, ffi::Buffer<ffi::F32> x, ffi::Buffer<ffi::F32> weight, ffi::Buffer<ffi::F32> bias,
               ffi::Buffer<ffi::F32> residual, ffi::ResultBuffer<ffi::F32> y, ffi::ResultBuffer<ffi::F32> memory,
               ffi::Span<const int64_t> before, int64_t groups, int64_t most, bool adds, int64_t first, int64_t filters,
               float slope, float low, float high, int64_t curve, float beta) {
  if (y->element_count() == 0) return ffi::Error::Success();
  const auto in = x.dimensions(), out = y->dimensions();
  const float* added = adds ? residual.typed_data() : nullptr;
  Winograd task{x.typed_data(), weight.typed_data(), bias.typed_data(),
                y->typed_data() + first, memory->typed_data(), nullptr,
                {added, slope, low, high, Curve(curve), beta},
                in[1], in[2], in[3], out[1], out[2], out[3], filters, before[0], before[1], groups,
                (out[1] + kOutputs - 1) / kOutputs, (out[2] + kOutputs - 1) / kOutputs, most};
  task.product_row = task.panels * kFilters;
  task.value_row = memory->dimensions()[1] - task.product_row;
  task.products = task.values + kPlaces * most * task.value_row;
  const int64_t panels = task.panels, all = in[0] * task.tile_rows * task.tile_columns;
  const int64_t strips = (all + most - 1) / most;
  const Pieces pieces(all, strips);
  for (int64_t strip = 0; strip < strips; ++strip) {
    const int64_t start = pieces.First(strip), tiles = pieces.First(strip + 1) - start;
    const auto threads = [&](int64_t numbers) {  // of one place of one tile
      return Threads(pool, kPlaces * tiles * numbers >= kWorthSharing * kLanes);
    };
    ParallelFor(pool, threads(task.channels), tiles, [&](int64_t i) { task.EvaluateTile(i, start + i); });
    ParallelFor(pool, threads(task.channels * panels * kLanes), kPlaces * panels,
                [&](int64_t i) { task.MultiplyPanel(i / panels, i % panels, tiles); });
    ParallelFor(pool, threads(task.filters), tiles, [&](int64_t i) { task.InterpolateTile(i, start + i); });
  }
  return ffi::Error::Success();
}

// Memory to work in, and how many tiles it has.
auto Binding() {
  return binding::Finished(binding::Convolution()
                               .Ret<binding::Array>()
                               .Attr<binding::Sizes>("before")
                               .Attr<int64_t>("groups")
                               .Attr<int64_t>("tiles"));
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(jaxdnn_winograd, Run, Binding());
