// VGG16 as people run it: LibTorch, eager, fp32, a batch at a time. The
// yardstick of `nevus bench extract` and of the kernels' tests; no feature
// comes from here.
#ifndef NEVUS_COMPUTE_FEATURE_EAGER_REFERENCE_H_
#define NEVUS_COMPUTE_FEATURE_EAGER_REFERENCE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compute/backbone/backbone.h"

namespace nevus {

// One thread at a time.
class EagerNetwork {
 public:
  // INVALID_ARGUMENT for another architecture than vgg16, else as FindCut.
  // `backbone` may be destroyed afterwards.
  static absl::StatusOr<std::unique_ptr<EagerNetwork>> Create(
      const Backbone& backbone, const std::string& cut, int threads);
  ~EagerNetwork();

  // n x 3 x S x S floats, normalised, into n x channels x height x width.
  absl::Status Forward(const float* planes, int n,
                       std::vector<float>* activations);

 private:
  struct Rep;
  explicit EagerNetwork(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_FEATURE_EAGER_REFERENCE_H_
