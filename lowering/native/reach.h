// Where windows lie in an image.
#pragma once

#include <cstdint>

// One axis of a window: the taps from `begin` to `end` lie inside, tap 0 at `start`.
struct Reach {
  int64_t start, begin, end;

  Reach(int64_t place, int64_t stride, int64_t before, int64_t dilation, int64_t kernel, int64_t size)
      : start(place * stride - before), begin(0), end(kernel) {
    while (begin < end && start + begin * dilation < 0) ++begin;
    while (end > begin && start + (end - 1) * dilation >= size) --end;
  }
};
