// Greedy non-maximum suppression: of boxes in order, those that overlap none too much that was kept before.

#include <algorithm>
#include <vector>

#include "binding.h"
#include "parallel.h"
#include "vectors.h"

namespace {

constexpr int64_t kWorthSharing = 1 << 10;  // boxes
constexpr int64_t kTogether = 64;

struct Suppression {
  const float *boxes, *counts;
  float* kept;
  int64_t size, limit;
  float threshold, eta, extent;

  float Area(float x1, float y1, float x2, float y2) const {
    return Larger(x2 - x1 + extent, 0.f) * Larger(y2 - y1 + extent, 0.f);
  }

  void Set(int64_t set) const {
    const float* box = boxes + set * size * 4;
    float* keep = kept + set * size;
    const int64_t count = std::min(size, static_cast<int64_t>(counts[set]));
    std::fill(keep, keep + size, 0.f);
    std::vector<float> found[5];  // corners and areas of what is kept
    float bound = threshold;
    for (int64_t i = 0; i < count; ++i, box += 4) {
      const int64_t number = found[0].size();
      if (number >= limit) return;
      const float area = Area(box[0], box[1], box[2], box[3]);
      bool suppressed = false;
      for (int64_t first = 0; first < number && !suppressed; first += kTogether) {
        const int64_t last = std::min(first + kTogether, number);
        int over = 0;
        for (int64_t k = first; k < last; ++k) {
          const float common = Area(Larger(found[0][k], box[0]), Larger(found[1][k], box[1]),
                                    Smaller(found[2][k], box[2]), Smaller(found[3][k], box[3]));
          const float overlap = common > 0 ? common / (found[4][k] + area - common) : 0.f;
          over |= !(overlap <= bound);
        }
        suppressed = over;
      }
      if (suppressed) continue;
      keep[i] = 1;
      for (int corner = 0; corner < 4; ++corner) found[corner].push_back(box[corner]);
      found[4].push_back(area);
      if (bound > 0.5f) bound *= eta;
    }
  }
};

ffi::Error Run(ffi::ThreadPool pool, ffi::Buffer<ffi::F32> boxes, ffi::Buffer<ffi::F32> counts,
               ffi::ResultBuffer<ffi::F32> kept, int64_t limit, float threshold, float eta, float extent) {
  if (kept->element_count() == 0) return ffi::Error::Success();
  const int64_t size = kept->dimensions().back(), sets = kept->element_count() / size;
  const Suppression task{boxes.typed_data(), counts.typed_data(), kept->typed_data(), size, limit, threshold, eta,
                         extent};
  ParallelFor(pool, Threads(pool, sets * size >= kWorthSharing), sets, [&](int64_t set) { task.Set(set); });
  return ffi::Error::Success();
}

// Boxes (..., size, 4) in their order, how many of them count (...), and which are kept (..., size).
auto Binding() {
  return ffi::Ffi::Bind()
      .Ctx<ffi::ThreadPool>()
      .Arg<binding::Array>()
      .Arg<binding::Array>()
      .Ret<binding::Array>()
      .Attr<int64_t>("limit")
      .Attr<float>("threshold")
      .Attr<float>("eta")
      .Attr<float>("extent");
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(jaxdnn_suppression, Run, Binding());
