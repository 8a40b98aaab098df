#include "services/extraction/extractor_source.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/status.h"
#include "compute/backbone/backbone.h"
#include "compute/feature/feature_space.h"
#include "compute/image/preprocess.h"
#include "protos/nevus/v1/backbone.grpc.pb.h"
#include "services/runtime/convert.h"
#include "services/runtime/peer_call.h"
#include "services/runtime/peer_caller.h"

namespace nevus {
namespace {

absl::Status BackboneDamaged(const std::string& digest,
                             const std::string& found) {
  return WithReason(absl::DataLossError(absl::StrCat(
                        "the registry's backbone ", digest, " came as ", found,
                        "; the digests must agree. Import its weights again")),
                    "BACKBONE_DAMAGED", {{"backbone", digest}});
}

absl::Status CheckGoesOn(PeerCaller caller) {
  if (!caller.cancelled()) return absl::OkStatus();
  return absl::CancelledError("cancelled while its backbone was loaded");
}

absl::StatusOr<std::string> ReadWeights(v1::BackboneService::Stub& registry,
                                        const v1::Backbone& backbone,
                                        PeerCaller caller) {
  v1::ReadBackboneWeightsRequest request;
  request.set_name(backbone.digest());
  const auto context = caller.NewContext();
  const auto reader = registry.ReadBackboneWeights(context.get(), request);
  std::string weights;
  weights.reserve(backbone.weights_bytes());
  v1::ReadBackboneWeightsResponse response;
  while (reader->Read(&response)) weights += response.chunk();
  RETURN_IF_ERROR(caller.ToStatus(reader->Finish()));
  if (Sha256Hex(weights) != backbone.weights_sha256()) {
    return BackboneDamaged(backbone.digest(), "other bytes");
  }
  return weights;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Backbone>> LoadBackbone(
    const Peers& peers, const std::string& digest, PeerCaller caller) {
  const auto registry =
      v1::BackboneService::NewStub(peers.ChannelTo("registry"));
  v1::GetBackboneRequest request;
  request.set_name(digest);
  ASSIGN_OR_RETURN(const v1::Backbone stored,
                   CallPeer(*registry, &v1::BackboneService::Stub::GetBackbone,
                            request, caller));
  BackboneSource source;
  source.arch = stored.arch();
  source.input_size = stored.input_size();
  ASSIGN_OR_RETURN(source.normalization,
                   ParseNormalization(stored.normalization()));
  if (stored.weights_kind() == "random") {
    source.random_seed = stored.random_seed();
  } else {
    ASSIGN_OR_RETURN(source.weights, ReadWeights(*registry, stored, caller));
  }
  RETURN_IF_ERROR(CheckGoesOn(caller));
  ASSIGN_OR_RETURN(std::unique_ptr<Backbone> backbone, Backbone::Load(source));
  if (backbone->info().digest != digest) {
    return BackboneDamaged(digest, backbone->info().digest);
  }
  return backbone;
}

absl::StatusOr<std::unique_ptr<FeatureExtractor>> NewExtractor(
    const Backbone& backbone, const v1::FeatureSpace& space,
    const FeatureExtractorOptions& options) {
  ASSIGN_OR_RETURN(FeatureSpaceSpec spec,
                   ResolveFeatureSpace(backbone.info(), space.cut(),
                                       space.pooling(), space.arithmetic()));
  spec.calibration = ToCalibration(space.calibration());
  ASSIGN_OR_RETURN(spec.views, ParseViews(space.views()));
  ASSIGN_OR_RETURN(spec.values, ParseFeatureValues(space.values()));
  const std::string here = FeatureSpaceDigest(spec);
  if (here != space.digest()) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "the feature space ", space.digest(), " is ", here,
            " on this server: its numbers would differ from those that were "
            "asked for. Run the version of Nevus that made it, or extract and "
            "train anew")),
        "FEATURE_SPACE_MISMATCH", {{"wanted", space.digest()}, {"here", here}});
  }
  return FeatureExtractor::Create(backbone, spec, options);
}

absl::StatusOr<std::unique_ptr<FeatureExtractor>> LoadExtractor(
    const Peers& peers, const v1::FeatureSpace& space,
    const FeatureExtractorOptions& options, PeerCaller caller) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Backbone> backbone,
                   LoadBackbone(peers, space.backbone_digest(), caller));
  RETURN_IF_ERROR(CheckGoesOn(caller));
  return NewExtractor(*backbone, space, options);
}

}  // namespace nevus
