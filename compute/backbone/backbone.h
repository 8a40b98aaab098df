// A truncated network with its weights, named by their digest: what turns an
// image's pixels into an activation. Made from the content of a weight file; no
// path, no disk, no RPC.
#ifndef NEVUS_COMPUTE_BACKBONE_BACKBONE_H_
#define NEVUS_COMPUTE_BACKBONE_BACKBONE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compute/backbone/arithmetic.h"
#include "compute/backbone/calibration.h"
#include "compute/backbone/layers.h"
#include "compute/backbone/network.h"
#include "compute/backbone/network_weights.h"
#include "compute/image/preprocess.h"

namespace nevus {

// Where a network may end, and its output there at the backbone's input size.
struct Cut {
  std::string name;
  int channels = 0, height = 0, width = 0;
};

struct BackboneInfo {
  std::string arch;
  int input_size = 0;
  Normalization normalization;
  std::string digest;
  std::vector<Cut> cuts;  // those that the weights reach, in network order
  std::string default_cut;
  // The first tensor that the weights lack; "" for a whole file.
  std::string missing_tensor;
  int64_t parameters = 0;    // as the weights' family publishes them
  double gmac = 0;           // 1e9 multiplications an image; 0: not known
  std::string weights_kind;  // "random", "safetensors", "keras_h5",
                             // "torchscript"
};

class ScriptModule;

struct BackboneSource {
  std::string arch;     // of ArchitectureNames(), or "torchscript"
  std::string weights;  // the file's content; empty with random_seed
  std::optional<uint64_t> random_seed;
  int input_size = 0;  // 0: the architecture's own
  // By default what architecture and kind of file are made for.
  std::optional<Normalization> normalization;
};

// A network as data, for those who compute it in another way.
struct NetworkTable {
  Layers layers;
  NetworkWeights weights;  // of the layers that are reached
};

// Immutable and thread-safe after loading.
class Backbone {
 public:
  // INVALID_ARGUMENT for an unknown architecture (reason ARCH_UNKNOWN), an
  // input size out of range (INPUT_SIZE_INVALID) or a wrong file
  // (WEIGHTS_INVALID, naming the tensor). The content decides what kind of file
  // it is.
  static absl::StatusOr<std::unique_ptr<Backbone>> Load(
      const BackboneSource& source);
  virtual ~Backbone() = default;

  const BackboneInfo& info() const { return info_; }

  // The network up to `cut`, for `threads` cores; it may outlive the backbone.
  // Of several cuts (FindCuts) it gives one activation behind the other, in
  // their order. The same image gives the same bits for any `threads`.
  // `calibration`: of its layers, for the arithmetics that need one.
  // INVALID_ARGUMENT as FindCuts and for a layer that is not calibrated,
  // FAILED_PRECONDITION if processor or architecture lacks `arithmetic`, as
  // every processor does those of a GPU.
  virtual absl::StatusOr<std::unique_ptr<Network>> NewNetwork(
      const std::string& cut, Arithmetic arithmetic,
      const Calibration& calibration, int threads) const = 0;

  // One of these two; the other is nullptr.
  virtual const NetworkTable* table() const { return nullptr; }
  virtual const ScriptModule* script() const { return nullptr; }

 protected:
  explicit Backbone(BackboneInfo info) : info_(std::move(info)) {}

 private:
  const BackboneInfo info_;
};

// The cut of that name; "" is the default. INVALID_ARGUMENT for one that the
// architecture lacks (reason CUT_UNKNOWN) or the weights do not reach
// (CUT_UNREACHED, naming the first missing tensor).
absl::StatusOr<Cut> FindCut(const BackboneInfo& info, const std::string& name);

// The cuts of "NAME,NAME...", in that order; "" is the default.
// INVALID_ARGUMENT as FindCut, and for one that is named twice (CUT_REPEATED).
absl::StatusOr<std::vector<Cut>> FindCuts(const BackboneInfo& info,
                                          const std::string& names);

// FindCuts' argument again: the names, separated by commas.
std::string CutNames(const std::vector<Cut>& cuts);

// Whether `arithmetic` exists for the architecture and, unless it is a GPU's,
// on this processor: FAILED_PRECONDITION, reason ARITHMETIC_UNSUPPORTED,
// otherwise.
absl::Status CheckArithmetic(const BackboneInfo& info, Arithmetic arithmetic);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_BACKBONE_H_
