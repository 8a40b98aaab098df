// A network turned into oneDNN's primitives with their memory: the executor's
// own middle form. Built once, then run for each image.
#ifndef NEVUS_COMPUTE_BACKBONE_ONEDNN_PROGRAM_H_
#define NEVUS_COMPUTE_BACKBONE_ONEDNN_PROGRAM_H_

#include <dnnl.hpp>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "compute/backbone/arithmetic.h"
#include "compute/backbone/huge_buffer.h"
#include "compute/backbone/integer_grid.h"
#include "compute/backbone/layers.h"
#include "compute/backbone/network_weights.h"
#include "compute/backbone/onednn_network.h"
#include "compute/backbone/winograd.h"

namespace nevus {

struct OnednnProgram {
  struct Step {
    OnednnNetwork::Step info;
    dnnl::primitive primitive;
    // Computes instead, if there is one.
    std::shared_ptr<const WinogradConvolution> winograd;
    std::unordered_map<int, dnnl::memory> args;
    dnnl::memory writes;
  };

  std::vector<HugeBuffer> buffers;  // behind what is large of the following
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  std::vector<Step> steps;
  dnnl::memory image;  // the caller's, placed for each run
  // Likewise: of each output, where in the caller's floats it begins.
  std::vector<std::pair<dnnl::memory, size_t>> outputs;
  dnnl::memory arena;  // all other activations and the scratchpad
  int64_t constant_bytes = 0;
};

// REQUIRES: shapes = InferShapes(layers, ...), grids as of PlanGrids for an
// int8 arithmetic, weights of the right shapes. Throws dnnl::error or
// std::bad_alloc.
OnednnProgram BuildOnednnProgram(const Layers& layers,
                                 const std::vector<int>& outputs,
                                 const std::vector<LayerShape>& shapes,
                                 const NetworkWeights& weights,
                                 Arithmetic arithmetic,
                                 const std::vector<IntegerGrid>& grids,
                                 int input_size, int threads);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_ONEDNN_PROGRAM_H_
