#include "services/runtime/peer_reads.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/packed_floats.h"
#include "base/status.h"
#include "protos/nevus/v1/dataset.grpc.pb.h"
#include "protos/nevus/v1/feature.grpc.pb.h"
#include "services/runtime/peer_call.h"

namespace nevus {
namespace {

// The contract's limit on one request (feature.proto).
constexpr size_t kDigestsInRequest = 100'000;

// Calls `ask` with at most kDigestsInRequest of `digests` at a time.
template <typename Ask>
absl::Status InRequests(const std::vector<std::string>& digests, Ask ask) {
  for (size_t i = 0; i < digests.size(); i += kDigestsInRequest) {
    const size_t end = std::min(digests.size(), i + kDigestsInRequest);
    RETURN_IF_ERROR(ask(digests.begin() + i, digests.begin() + end));
  }
  return absl::OkStatus();
}

// A peer that answers with something else than was asked: a bug or another
// version, never to be worked with.
absl::Status WrongAnswer(const std::string& wanted, const std::string& got) {
  return absl::InternalError(
      absl::StrCat("asked a peer for ", wanted, " and got ", Quoted(got),
                   ". Check that all servers run the same version"));
}

// Requests that run at once: to check what is stored takes a core longer than
// we need for it, and where it is not in memory each waits for the disk.
constexpr size_t kStreams = 4;

// The answers of one request, a feature at a time.
class FeatureStream {
 public:
  FeatureStream(v1::FeatureService::Stub& stub, v1::ReadFeaturesRequest request,
                int dimension, PeerCaller caller)
      : dimension_(dimension),
        request_(std::move(request)),
        caller_(caller),
        context_(caller.NewContext()),
        reader_(stub.ReadFeatures(context_.get(), request_)) {}
  ~FeatureStream() {
    if (ended_) return;
    context_->TryCancel();
    (void)reader_->Finish();
  }
  FeatureStream(const FeatureStream&) = delete;
  FeatureStream& operator=(const FeatureStream&) = delete;

  // The next image's, until the next call. REQUIRES: there is one.
  absl::StatusOr<std::string_view> Next() {
    while (at_ == response_.features_size()) {
      at_ = 0;
      if (!reader_->Read(&response_)) {
        RETURN_IF_ERROR(Finish());
        return WrongAnswer("features", "too few of them");
      }
    }
    const v1::Feature& feature = response_.features(at_++);
    if (feature.image_digest() != request_.image_digests(next_) ||
        !IsPacked(feature.packed(), dimension_)) {
      return WrongAnswer(absl::StrCat("features of ", dimension_, " numbers"),
                         feature.image_digest());
    }
    ++next_;
    return feature.packed();
  }
  // After the last one.
  absl::Status End() {
    if (at_ < response_.features_size() || reader_->Read(&response_)) {
      return WrongAnswer("features", "too many of them");
    }
    return Finish();
  }

 private:
  absl::Status Finish() {
    ended_ = true;
    return caller_.ToStatus(reader_->Finish());
  }

  const int dimension_;
  const v1::ReadFeaturesRequest request_;
  const PeerCaller caller_;
  const PeerContextPtr context_;  // before its reader
  const std::unique_ptr<grpc::ClientReader<v1::ReadFeaturesResponse>> reader_;
  v1::ReadFeaturesResponse response_;
  int at_ = 0;    // in the response
  int next_ = 0;  // in the request
  bool ended_ = false;
};

}  // namespace

absl::StatusOr<std::vector<v1::Example>> ReadExamples(
    const Peers& peers, const std::string& dataset, int64_t version,
    const std::vector<v1::Split>& splits, PeerCaller caller) {
  RETURN_IF_ERROR(CheckName("dataset", dataset));
  if (version <= 0) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "version ", version, " of dataset ", dataset,
            " is no version; versions are 1, 2, 3 ... Seal the draft with "
            "`nevus dataset seal ",
            dataset, "` and name the version it prints")),
        "VERSION_INVALID");
  }
  v1::ReadExamplesRequest request;
  request.set_dataset(dataset);
  request.set_version(version);
  for (v1::Split split : splits) request.add_splits(split);
  const auto stub = v1::DatasetService::NewStub(peers.ChannelTo("ingestion"));
  const auto context = caller.NewContext();
  const auto reader = stub->ReadExamples(context.get(), request);
  std::vector<v1::Example> examples;
  v1::ReadExamplesResponse response;
  while (reader->Read(&response)) {
    for (v1::Example& example : *response.mutable_examples()) {
      examples.push_back(std::move(example));
    }
  }
  RETURN_IF_ERROR(caller.ToStatus(reader->Finish()));
  return examples;
}

absl::StatusOr<std::vector<std::string>> ReadImages(
    const Peers& peers, const std::vector<std::string>& digests,
    PeerCaller caller) {
  v1::ReadImagesRequest request;
  *request.mutable_digests() = {digests.begin(), digests.end()};
  const auto stub = v1::DatasetService::NewStub(peers.ChannelTo("ingestion"));
  const auto context = caller.NewContext();
  const auto reader = stub->ReadImages(context.get(), request);
  std::vector<std::string> images;
  absl::Status wrong;
  v1::ReadImagesResponse response;
  while (reader->Read(&response)) {
    if (images.size() >= digests.size() ||
        response.digest() != digests[images.size()]) {
      wrong = WrongAnswer("images", response.digest());
      context->TryCancel();
      break;
    }
    images.push_back(std::move(*response.mutable_image()));
  }
  const absl::Status finished = caller.ToStatus(reader->Finish());
  RETURN_IF_ERROR(wrong);
  RETURN_IF_ERROR(finished);
  if (images.size() != digests.size()) {
    return WrongAnswer(absl::StrCat(digests.size(), " images"),
                       absl::StrCat(images.size()));
  }
  return images;
}

absl::StatusOr<std::vector<std::string>> FindMissingFeatures(
    const Peers& peers, const std::string& space,
    const std::vector<std::string>& digests, PeerCaller caller) {
  const auto stub = v1::FeatureService::NewStub(peers.ChannelTo("extraction"));
  std::vector<std::string> missing;
  RETURN_IF_ERROR(InRequests(digests, [&](auto begin, auto end) {
    v1::FindMissingRequest request;
    request.set_space(space);
    *request.mutable_image_digests() = {begin, end};
    ASSIGN_OR_RETURN(const v1::FindMissingResponse response,
                     CallPeer(*stub, &v1::FeatureService::Stub::FindMissing,
                              request, caller));
    missing.insert(missing.end(), response.image_digests().begin(),
                   response.image_digests().end());
    return absl::OkStatus();
  }));
  return missing;
}

absl::Status ReadPackedFeatures(
    const Peers& peers, const std::string& space, int dimension,
    const std::vector<std::string>& digests, PeerCaller caller,
    const std::function<absl::Status(std::string_view)>& visit) {
  const auto stub = v1::FeatureService::NewStub(peers.ChannelTo("extraction"));
  return InRequests(digests, [&](auto begin, auto end) -> absl::Status {
    v1::ReadFeaturesRequest requests[kStreams];
    for (auto image = begin; image != end; ++image) {
      requests[(image - begin) % kStreams].add_image_digests(*image);
    }
    std::vector<std::unique_ptr<FeatureStream>> streams;
    for (v1::ReadFeaturesRequest& request : requests) {
      if (request.image_digests().empty()) break;
      request.set_space(space);
      request.set_packed(true);
      streams.push_back(std::make_unique<FeatureStream>(
          *stub, std::move(request), dimension, caller));
    }
    for (auto image = begin; image != end; ++image) {
      ASSIGN_OR_RETURN(const std::string_view packed,
                       streams[(image - begin) % kStreams]->Next());
      RETURN_IF_ERROR(visit(packed));
    }
    for (const auto& stream : streams) RETURN_IF_ERROR(stream->End());
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<float>> ReadFeatures(
    const Peers& peers, const std::string& space, int dimension,
    const std::vector<std::string>& digests, PeerCaller caller) {
  std::vector<float> rows(digests.size() * dimension);
  float* row = rows.data();
  RETURN_IF_ERROR(ReadPackedFeatures(peers, space, dimension, digests, caller,
                                     [&](std::string_view packed) {
                                       UnpackFloats(packed, dimension, row);
                                       row += dimension;
                                       return absl::OkStatus();
                                     }));
  return rows;
}

}  // namespace nevus
