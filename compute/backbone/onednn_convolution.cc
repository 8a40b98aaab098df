#include "compute/backbone/onednn_convolution.h"

#include <algorithm>
#include <cstring>

#include "compute/backbone/omp_threads.h"

namespace nevus {
namespace {

using dnnl::memory;
using Layout = memory::format_tag;
using Type = memory::data_type;
using Plan = dnnl::convolution_forward::primitive_desc;

memory::dims WeightDims(const ConvolutionSpec& spec) {
  const memory::dim out = spec.out.channels, in = spec.in_channels,
                    height = spec.window.height, width = spec.window.width,
                    groups = spec.groups;
  if (groups == 1) return {out, in, height, width};
  return {groups, out / groups, in / groups, height, width};
}

memory::desc WeightDesc(const ConvolutionSpec& spec, Type type, Layout layout) {
  return {WeightDims(spec), type, layout};
}

dnnl::convolution_forward::desc Describe(const ConvolutionSpec& spec,
                                         dnnl::algorithm algorithm) {
  const LayerShape& out = spec.out;
  return {dnnl::prop_kind::forward_inference,
          algorithm,
          spec.source,
          WeightDesc(spec, spec.weight_type, Layout::any),
          {{out.channels}, Type::f32, Layout::x},
          {{1, out.channels, out.height, out.width},
           spec.out_type,
           spec.out_layout},
          /*strides=*/{spec.window.stride, spec.window.stride},
          /*padding_l=*/{out.pad_top, out.pad_left},
          /*padding_r=*/{out.pad_bottom, out.pad_right}};
}

dnnl::primitive_attr Attributes(const ConvolutionSpec& spec) {
  dnnl::post_ops after;
  if (spec.residual_scale) {
    after.append_sum(*spec.residual_scale, spec.residual_type);
  }
  if (spec.relu) {
    after.append_eltwise(/*scale=*/1, dnnl::algorithm::eltwise_relu,
                         /*alpha=*/0, /*beta=*/0);
  }
  dnnl::primitive_attr attributes = OwnScratchpad();
  if (!spec.output_scales.empty()) {
    constexpr int kPerChannel = 1 << 1;
    attributes.set_output_scales(kPerChannel, spec.output_scales);
  }
  attributes.set_post_ops(after);
  return attributes;
}

PlannedConvolution PlanAsAlone(const ConvolutionSpec& spec,
                               dnnl::algorithm algorithm,
                               const dnnl::engine& engine, int threads) {
  constexpr int kSmallestSharedMap = 8;
  const auto layer = Describe(spec, algorithm);
  const dnnl::primitive_attr attributes = Attributes(spec);
  PlannedConvolution alone;
  {
    const ScopedOmpThreads scope(1);
    alone.plan = Plan(layer, attributes, engine, /*allow_empty=*/true);
  }
  if (!alone.plan) return alone;
  const char* const kernel = alone.plan.impl_info_str();
  alone.slow = std::strncmp(kernel, "ref", 3) == 0;
  // On several threads Winograd on bytes begins three parallel loops for each
  // block of tiles: 6 to 10 images/s on two threads, 22.5 on one (VGG16, Zen
  // 4).
  const bool shares_badly =
      algorithm == dnnl::algorithm::convolution_winograd &&
      spec.weight_type == Type::s8;
  if (shares_badly ||
      std::min(spec.out.height, spec.out.width) < kSmallestSharedMap) {
    return alone;
  }
  Plan plan(layer, attributes, engine, /*allow_empty=*/true);
  bool found(plan);
  while (found && std::strcmp(plan.impl_info_str(), kernel) != 0) {
    found = plan.next_impl();
  }
  return found ? PlannedConvolution{plan, threads, alone.slow} : alone;
}

bool SuitsWinograd(const ConvolutionSpec& spec) {
  return spec.window.height == 3 && spec.window.width == 3 &&
         spec.window.stride == 1 && spec.groups == 1;
}

}  // namespace

PlannedConvolution PlanConvolution(const ConvolutionSpec& spec,
                                   const dnnl::engine& engine, int threads) {
  // The three channels of an image would be padded to 16.
  if (spec.winograd && spec.in_channels >= 16 && SuitsWinograd(spec)) {
    const PlannedConvolution planned = PlanAsAlone(
        spec, dnnl::algorithm::convolution_winograd, engine, threads);
    // Too few channels or too small an image for its tiles: always so for this
    // shape, so the choice is a function of the feature space.
    if (planned.plan) return planned;
  }
  return PlanAsAlone(spec, dnnl::algorithm::convolution_direct, engine,
                     threads);
}

std::optional<WinogradShape> OwnWinograd(const ConvolutionSpec& spec) {
  const LayerShape& out = spec.out;
  const WinogradShape shape = {spec.in_channels, out.channels, out.height,
                               out.width, out.pad_top};
  const bool even = out.pad_left == out.pad_top &&
                    out.pad_bottom == out.pad_top &&
                    out.pad_right == out.pad_top;
  const bool fits = SuitsWinograd(spec) && even && !spec.residual_scale &&
                    WinogradConvolution::Fits(shape);
  return fits ? std::optional(shape) : std::nullopt;
}

memory::desc PlainWeights(const ConvolutionSpec& spec, Type type) {
  return WeightDesc(spec, type,
                    spec.groups == 1 ? Layout::oihw : Layout::goihw);
}

dnnl::primitive_attr OwnScratchpad() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

}  // namespace nevus
