// All kernels in one file for the compiler, which reads XLA's headers once, and how XLA calls them.
#include "convolution.cc"
#include "depthwise.cc"
#include "pooling.cc"
#include "winograd.cc"

namespace {

using Array = ffi::Buffer<ffi::F32>;
using Sizes = ffi::Span<const int64_t>;

// x, weight, bias, and an array that is added or none.
auto Convolution() {
  return ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<Array>().Arg<Array>().Arg<Array>().Arg<Array>().Ret<Array>();
}

// What `Finish` in finish.py means.
template <typename Binding>
auto Finished(Binding&& binding) {
  return std::move(binding)
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

auto Direct() { return Finished(Sliding(Convolution()).Attr<int64_t>("groups")); }

// Memory to work in, and how many tiles it has.
auto Winograd() {
  return Finished(Convolution().Ret<Array>().Attr<Sizes>("before").Attr<int64_t>("groups").Attr<int64_t>("tiles"));
}

// x, and whether the largest element is wanted, or the sum.
auto Pooling() {
  return Sliding(ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<Array>().Ret<Array>()).Attr<bool>("largest");
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(jaxdnn_convolution, convolution::Run, Direct());
XLA_FFI_DEFINE_HANDLER_SYMBOL(jaxdnn_depthwise, depthwise::Run, Direct());
XLA_FFI_DEFINE_HANDLER_SYMBOL(jaxdnn_pooling, pooling::Run, Pooling());
XLA_FFI_DEFINE_HANDLER_SYMBOL(jaxdnn_winograd, winograd::Run, Winograd());

// How many filters a panel of the convolution's weight has on this machine.
extern "C" int jaxdnn_filters() { return kFilters; }
