// One convolution on oneDNN: which of its kernels computes it, and on how many
// threads. Knows one layer, no network and no memory.
#ifndef NEVUS_COMPUTE_BACKBONE_ONEDNN_CONVOLUTION_H_
#define NEVUS_COMPUTE_BACKBONE_ONEDNN_CONVOLUTION_H_

#include <dnnl.hpp>
#include <optional>
#include <vector>

#include "compute/backbone/layers.h"
#include "compute/backbone/winograd.h"

namespace nevus {

struct ConvolutionSpec {
  Window window;
  int groups = 1;
  int in_channels = 0;
  LayerShape out;
  dnnl::memory::desc source;  // its layout may be `any`
  dnnl::memory::data_type weight_type = dnnl::memory::data_type::f32;
  dnnl::memory::data_type out_type = dnnl::memory::data_type::f32;
  dnnl::memory::format_tag out_layout = dnnl::memory::format_tag::any;
  bool winograd = false;  // oneDNN's, where there is one
  // Times (sum + bias), one an output channel; empty: 1.
  std::vector<float> output_scales;
  // Times what lies in the output's place before, of type `residual_type` (as
  // large as `out_type`).
  std::optional<float> residual_scale;
  dnnl::memory::data_type residual_type = dnnl::memory::data_type::f32;
  bool relu = false;
};

struct PlannedConvolution {
  dnnl::convolution_forward::primitive_desc plan;  // false: there is none
  int threads = 1;
  bool slow = false;  // oneDNN has only its plain loops for it
};

// The number of threads must not change a bit. So: the kernel that oneDNN picks
// for one thread, and one thread for the smallest maps (there it splits the
// sums over the channels) and for Winograd on bytes, which more threads slow
// down. Throws dnnl::error for anything but "unimplemented".
PlannedConvolution PlanConvolution(const ConvolutionSpec& spec,
                                   const dnnl::engine& engine, int threads);

// For Winograd in fp32: ours, if it fits.
std::optional<WinogradShape> OwnWinograd(const ConvolutionSpec& spec);

// The layout of weights as they come: O x I x H x W, with groups first.
dnnl::memory::desc PlainWeights(const ConvolutionSpec& spec,
                                dnnl::memory::data_type type);

// One scratchpad for all steps, ours, instead of one a library thread.
dnnl::primitive_attr OwnScratchpad();

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_ONEDNN_CONVOLUTION_H_
