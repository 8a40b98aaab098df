#include "compute/torch/cuda_graph.h"

#include <utility>

// A CPU build of LibTorch lacks the second, a machine without CUDA the third.
#if __has_include(<ATen/cuda/CUDAGraph.h>) &&               \
    __has_include(<c10/cuda/impl/cuda_cmake_macros.h>) &&   \
    __has_include(<cuda_runtime_api.h>)
#define NEVUS_HAS_CUDA_GRAPHS 1
#include <ATen/cuda/CUDAGraph.h>
#else
#define NEVUS_HAS_CUDA_GRAPHS 0
#endif

namespace nevus {

#if NEVUS_HAS_CUDA_GRAPHS

struct CudaGraph::Rep {
  at::cuda::CUDAGraph graph;
};

bool CudaGraph::Possible() { return true; }

std::unique_ptr<CudaGraph> CudaGraph::Record(
    const std::function<void()>& work) {
  auto rep = std::make_unique<Rep>();
  rep->graph.capture_begin();
  work();
  rep->graph.capture_end();
  return std::unique_ptr<CudaGraph>(new CudaGraph(std::move(rep)));
}

void CudaGraph::Start() { rep_->graph.replay(); }

#else

struct CudaGraph::Rep {};

bool CudaGraph::Possible() { return false; }

std::unique_ptr<CudaGraph> CudaGraph::Record(const std::function<void()>&) {
  return nullptr;
}

void CudaGraph::Start() {}

#endif

CudaGraph::CudaGraph(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
CudaGraph::~CudaGraph() = default;

}  // namespace nevus
