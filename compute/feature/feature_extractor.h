// image -> feature: the one function behind extraction and serving. Decode,
// resize, normalise, network, pool; no disk, no RPC, no cache.
#ifndef NEVUS_COMPUTE_FEATURE_FEATURE_EXTRACTOR_H_
#define NEVUS_COMPUTE_FEATURE_FEATURE_EXTRACTOR_H_

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compute/backbone/backbone.h"
#include "compute/backbone/network.h"
#include "compute/feature/feature_space.h"
#include "compute/image/decode.h"
#include "compute/image/pixels.h"
#include "compute/torch/device_network.h"

namespace nevus {

// Sees what an image goes through on its way. Each may be empty; both are
// called by several threads at once, for different images or views, and get the
// image's index.
struct ExtractObserver {
  // As decoded: reduced, if the image is large (compute/image/decode.h).
  std::function<void(size_t, const Pixels&)> pixels;
  // The view (views.h), and what the network gave for it at the cuts, one
  // behind the other: channels x height x width numbers each.
  std::function<void(size_t, int, const float*)> activation;
};

// Images of a GPU's every pass: part of what cuda_fp32 and cuda_bf16 mean
// (docs/adr/0026).
constexpr int kGpuBatch = 64;

struct FeatureExtractorOptions {
  int threads = 1;    // cores to compute on, the calling thread's among them
  int max_batch = 4;  // images decoded at a time; bounds the memory taken. A
                      // GPU takes kGpuBatch instead
  // "cuda:N", for the arithmetics of a GPU; "": there is none.
  std::string device;
  DecodeLimits limits;
};

// For one thread at a time. The same image gives the same bits, alone or in any
// batch, whatever `threads` and `max_batch` are. Keep to one calling thread
// where you can: the helpers of OpenMP belong to it and are made anew for
// another.
class FeatureExtractor {
 public:
  // `backbone` may be destroyed afterwards. INVALID_ARGUMENT if `spec` was made
  // for another backbone (reason BACKBONE_MISMATCH), otherwise as
  // Backbone::NewNetwork and, on a GPU, LayerProgram::Create or
  // ScriptModule::OnDevice, and DeviceNetwork::Create.
  static absl::StatusOr<std::unique_ptr<FeatureExtractor>> Create(
      const Backbone& backbone, const FeatureSpaceSpec& spec,
      const FeatureExtractorOptions& options);

  int dimension() const { return dimension_; }
  const FeatureSpaceSpec& spec() const { return spec_; }
  const std::string& digest() const { return digest_; }
  // Where the network is cut, and the shapes of its activations there.
  const std::vector<Cut>& cuts() const { return cuts_; }

  // One answer an image, in order: the mean over spec().views views, rounded as
  // spec().values says. A bad image is an error of its own (as
  // DecodeImage) and does not disturb the others; INTERNAL, reason
  // FEATURE_NOT_FINITE, if the network overflows on it.
  //
  // `cancelled`, if given, is asked before each image is decoded and before it
  // goes through the network, by several threads at once: from its first true
  // on, images that are not done are CANCELLED, so that nobody waits for longer
  // than one image.
  //
  // `done`, if given, hears of each image as soon as it is, by its index and
  // with what will be its answer, from several threads at once: so that nobody
  // waits for the rest of a batch. `observer` changes no bit of what comes out.
  using OnFeature =
      std::function<void(size_t, const absl::StatusOr<std::vector<float>>&)>;
  std::vector<absl::StatusOr<std::vector<float>>> Extract(
      const std::vector<std::string_view>& images,
      const std::function<bool()>& cancelled = nullptr,
      const OnFeature& done = nullptr, const ExtractObserver& observer = {});

  // The network and pooling alone: n x 3 x S x S floats, normalised, into
  // n x dimension(), of one view and not rounded.
  absl::Status Forward(const float* planes, int n, float* features);

 private:
  // Either network is there.
  FeatureExtractor(std::unique_ptr<Network> network,
                   std::unique_ptr<DeviceNetwork> device_network,
                   std::vector<Cut> cuts, FeatureSpaceSpec spec,
                   FeatureExtractorOptions options);

  // Into `planes`, as many of `images` from `begin` on as fit.
  std::vector<absl::Status> Decode(const std::vector<std::string_view>& images,
                                   size_t begin,
                                   const std::function<absl::Status()>& go_on,
                                   const ExtractObserver& observer,
                                   std::vector<float>& planes) const;

  // Of the images in `planes`, as many as `decoded`, sets `features` from
  // `first` on to what comes of each or why nothing does. Asks `go_on` before
  // each view.
  void ForwardViews(const std::vector<float>& planes,
                    const std::function<absl::Status()>& go_on,
                    const std::vector<absl::Status>& decoded, size_t first,
                    std::vector<absl::StatusOr<std::vector<float>>>& features,
                    const OnFeature& done, const ExtractObserver& observer);
  // The same on a GPU: a view of all of them at a time.
  void ForwardOnDevice(
      const std::vector<float>& planes,
      const std::function<absl::Status()>& go_on,
      const std::vector<absl::Status>& decoded, size_t first,
      std::vector<absl::StatusOr<std::vector<float>>>& features,
      const OnFeature& done, const ExtractObserver& observer);
  // One view of an image, and the feature that all of them make.
  absl::Status ForwardView(
      const float* planes, int view, float* feature,
      const std::function<void(const float*)>& activated) const;
  absl::StatusOr<std::vector<float>> JoinViews(const absl::Status* statuses,
                                               const float* seen) const;

  // One view. For network_->callers() threads at once.
  absl::Status ForwardOne(
      const float* planes, float* feature,
      const std::function<void(const float*)>& activated = nullptr) const;

  // From an activation to its feature.
  absl::Status Pool(const float* activation, float* feature) const;

  size_t image_floats() const {
    return size_t{3} * spec_.input_size * spec_.input_size;
  }

  const std::unique_ptr<Network> network_;
  const std::unique_ptr<DeviceNetwork> device_network_;
  const std::vector<Cut> cuts_;
  const FeatureSpaceSpec spec_;
  const FeatureExtractorOptions options_;
  const std::string digest_;
  const int dimension_;
  // max_batch images, after preprocessing. On a GPU's way one is filled while
  // the other is computed.
  std::array<std::vector<float>, 2> planes_;
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_FEATURE_FEATURE_EXTRACTOR_H_
