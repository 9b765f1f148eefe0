// How XLA calls kernels.
#pragma once

#include <utility>

#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace binding {

using Array = ffi::Buffer<ffi::F32>;
using Sizes = ffi::Span<const int64_t>;

// x, weight, bias, and an array that is added or none.
inline auto Convolution() {
  return ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<Array>().Arg<Array>().Arg<Array>().Arg<Array>().Ret<Array>();
}

// What `Finish` in finish.py means: whether the array is added; otherwise the result is written into it, as so many
// filters from the first one on.
template <typename Binding>
auto Finished(Binding&& binding) {
  return std::move(binding)
      .template Attr<bool>("adds")
      .template Attr<int64_t>("first")
      .template Attr<int64_t>("filters")
      .template Attr<float>("slope")
      .template Attr<float>("low")
      .template Attr<float>("high")
      .template Attr<int64_t>("curve")
      .template Attr<float>("beta");
}

// What `Convolution` in task.py and `Window` of a pool mean.
template <typename Binding>
auto Sliding(Binding&& binding) {
  return std::move(binding)
      .template Attr<Sizes>("kernel")
      .template Attr<Sizes>("stride")
      .template Attr<Sizes>("before")
      .template Attr<Sizes>("dilation");
}

// What slides over an image.
inline auto Direct() { return Finished(Sliding(Convolution()).Attr<int64_t>("groups")); }

}  // namespace binding
