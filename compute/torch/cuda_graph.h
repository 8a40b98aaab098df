// Work of a GPU, recorded once and then started by a single call. The only
// thing here that needs CUDA's own headers: where they are missing the code
// compiles all the same, and nothing can be recorded.
#ifndef NEVUS_COMPUTE_TORCH_CUDA_GRAPH_H_
#define NEVUS_COMPUTE_TORCH_CUDA_GRAPH_H_

#include <functional>
#include <memory>

namespace nevus {

// For one thread at a time.
class CudaGraph {
 public:
  // Whether this program was compiled with CUDA's headers.
  static bool Possible();

  // Records what `work` gives the current stream to do, which must not be the
  // default one; nothing of it is done. Later runs read and write the very same
  // memory. nullptr if it is not Possible. Throws what LibTorch throws.
  static std::unique_ptr<CudaGraph> Record(const std::function<void()>& work);
  ~CudaGraph();

  // Gives the current stream all of it to do.
  void Start();

 private:
  struct Rep;
  explicit CudaGraph(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_TORCH_CUDA_GRAPH_H_
