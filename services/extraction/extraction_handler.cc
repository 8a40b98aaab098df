#include "services/extraction/extraction_handler.h"

#include <malloc.h>

#include <algorithm>
#include <future>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/clock.h"
#include "base/status.h"
#include "compute/backbone/arithmetic.h"
#include "compute/backbone/backbone.h"
#include "compute/backbone/omp_threads.h"
#include "compute/feature/feature_extractor.h"
#include "protos/nevus/v1/feature.grpc.pb.h"
#include "services/extraction/extractor_source.h"
#include "services/runtime/convert.h"
#include "services/runtime/peer_call.h"
#include "services/runtime/peer_reads.h"

namespace nevus {
namespace {

// Images fetched, computed and written together. Few, so that memory stays
// small and a lost worker loses little; enough that the sync of a write is
// shared. A GPU wants several batches, one being decoded while the last is
// computed.
constexpr size_t kGroupImages = 8;
constexpr size_t kGpuGroupImages = 4 * kGpuBatch;

using Digests = std::vector<std::string>;
using Images = std::vector<std::string>;

absl::Status BadStoredImage(const std::string& digest,
                            const absl::Status& why) {
  // What the machine lacks, such as memory, is not the image's fault.
  if (why.code() != absl::StatusCode::kInvalidArgument) {
    return Annotate(why, absl::StrCat("image ", digest));
  }
  return WithReason(
      absl::DataLossError(absl::StrCat(
          "the stored image ", digest,
          " does not decode: ", std::string(why.message()),
          ". It did when it was imported: check the disk, then import it "
          "again")),
      "STORED_IMAGE_BAD", {{"image", digest}});
}

absl::Status Cancelled() {
  return absl::CancelledError(
      "the job was cancelled or the lease lost; what is written stays");
}

std::vector<Digests> Groups(const Digests& digests, size_t size) {
  std::vector<Digests> groups;
  for (size_t i = 0; i < digests.size(); i += size) {
    groups.emplace_back(digests.begin() + i,
                        digests.begin() + std::min(digests.size(), i + size));
  }
  return groups;
}

class ExtractionHandler : public TaskHandler {
 public:
  ExtractionHandler(const Peers& peers, int threads, const std::string& device)
      : peers_(peers), threads_(threads), device_(device) {}

  v1::WorkerKind kind() const override { return v1::EXTRACTION; }

  absl::StatusOr<std::string> Run(const v1::TaskSpec& spec,
                                  TaskContext& context) override {
    const ScopedOmpHelpers helpers;  // none while it waits for a task
    absl::StatusOr<std::string> result = Work(spec.extract(), context);
    // Nobody may want this network again, and it is large.
    if (context.cancelled()) {
      extractor_ = nullptr;
      backbone_ = nullptr;
      malloc_trim(0);  // glibc would keep it for this process
    }
    return result;
  }

 private:
  absl::StatusOr<std::string> Work(const v1::ExtractTask& task,
                                   TaskContext& context) {
    RETURN_IF_ERROR(Load(task, context));
    // A task that another worker began: what it wrote is not computed again.
    ASSIGN_OR_RETURN(const Digests missing,
                     FindMissingFeatures(peers_, task.space(),
                                         {task.image_digests().begin(),
                                          task.image_digests().end()},
                                         context.calls()));
    v1::Progress progress;
    progress.set_unit("images");
    progress.set_total(task.image_digests_size());
    progress.set_done(task.image_digests_size() -
                      static_cast<int64_t>(missing.size()));
    context.Report(progress);
    context.Log(absl::StrCat("a shard of ", task.image_digests_size(),
                             " images, ", missing.size(),
                             " of them without a feature"));
    const Stopwatch watch;
    const bool gpu = RunsOnGpu(extractor_->spec().arithmetic);
    RETURN_IF_ERROR(
        ExtractAll(Groups(missing, gpu ? kGpuGroupImages : kGroupImages),
                   context, progress));
    const double seconds = watch.Seconds();
    context.Log(absl::StrFormat("%d images in %.1f s: %.1f images/s",
                                missing.size(), seconds,
                                missing.size() / std::max(seconds, 1e-6)));
    return task.space();
  }

  absl::Status Load(const v1::ExtractTask& task, TaskContext& context) {
    if (extractor_ != nullptr && extractor_->digest() == task.space()) {
      return absl::OkStatus();
    }
    extractor_ = nullptr;  // two networks need not fit into memory
    v1::FeatureSpace space;
    space.set_digest(task.space());
    space.set_backbone_digest(task.backbone());
    space.set_cut(task.cut());
    space.set_pooling(task.pooling());
    space.set_arithmetic(task.arithmetic());
    *space.mutable_calibration() = task.calibration();
    space.set_views(task.views());
    space.set_values(task.values());
    FeatureExtractorOptions options;
    options.threads = threads_;
    options.device = device_;
    const Stopwatch watch;
    // Kept: a backbone is often tried at several cuts and precisions.
    if (backbone_ == nullptr || backbone_->info().digest != task.backbone()) {
      backbone_ = nullptr;
      ASSIGN_OR_RETURN(backbone_,
                       LoadBackbone(peers_, task.backbone(), context.calls()));
    }
    if (context.cancelled()) return Cancelled();
    ASSIGN_OR_RETURN(extractor_, NewExtractor(*backbone_, space, options));
    context.Log(absl::StrFormat(
        "backbone %s loaded in %.0f ms: cut %s, pooling %s, %s on %d threads",
        task.backbone(), 1000 * watch.Seconds(), task.cut(), task.pooling(),
        task.arithmetic(), threads_));
    if (!task.arithmetic_reason().empty()) {
      context.Log(task.arithmetic_reason());
    }
    return absl::OkStatus();
  }

  // While one group is computed the next is fetched and the last is written, so
  // that the network never waits for disk or network. One group each: bounded.
  // Progress is what is written, not what is under way.
  absl::Status ExtractAll(const std::vector<Digests>& groups,
                          TaskContext& context, v1::Progress& progress) {
    std::future<absl::StatusOr<Images>> fetched;
    std::future<absl::Status> written;
    const auto settle = [&](const Digests& group) {
      RETURN_IF_ERROR(written.get());
      progress.set_done(progress.done() + group.size());
      context.Report(progress);
      return absl::OkStatus();
    };
    if (!groups.empty()) fetched = Fetch(groups[0], context);
    for (size_t i = 0; i < groups.size(); ++i) {
      ASSIGN_OR_RETURN(const Images images, fetched.get());
      if (i + 1 < groups.size()) fetched = Fetch(groups[i + 1], context);
      ASSIGN_OR_RETURN(v1::WriteFeaturesRequest write,
                       Compute(groups[i], images, context));
      *write.mutable_lease() = context.lease();
      if (i > 0) RETURN_IF_ERROR(settle(groups[i - 1]));
      if (context.cancelled()) return Cancelled();
      written = Write(std::move(write), context);
    }
    return groups.empty() ? absl::OkStatus() : settle(groups.back());
  }

  std::future<absl::StatusOr<Images>> Fetch(const Digests& digests,
                                            TaskContext& context) {
    return std::async(std::launch::async, [this, &digests, &context] {
      return ReadImages(peers_, digests, context.calls());
    });
  }

  absl::StatusOr<v1::WriteFeaturesRequest> Compute(const Digests& digests,
                                                   const Images& images,
                                                   TaskContext& context) {
    v1::WriteFeaturesRequest request;
    *request.mutable_space() =
        ToProto(extractor_->spec(), extractor_->dimension());
    const std::vector<absl::StatusOr<std::vector<float>>> features =
        extractor_->Extract({images.begin(), images.end()},
                            [&context] { return context.cancelled(); });
    if (context.cancelled()) return Cancelled();
    for (size_t i = 0; i < features.size(); ++i) {
      if (!features[i].ok()) {
        return BadStoredImage(digests[i], features[i].status());
      }
      v1::Feature& feature = *request.add_features();
      feature.set_image_digest(digests[i]);
      *feature.mutable_values() = {features[i]->begin(), features[i]->end()};
    }
    return request;
  }

  std::future<absl::Status> Write(v1::WriteFeaturesRequest request,
                                  TaskContext& context) {
    return std::async(
        std::launch::async, [this, &context, request = std::move(request)] {
          const auto stub =
              v1::FeatureService::NewStub(peers_.ChannelTo("extraction"));
          return CallPeer(*stub, &v1::FeatureService::Stub::WriteFeatures,
                          request, context.calls())
              .status();
        });
  }

  const Peers& peers_;
  const int threads_;
  const std::string device_;
  std::unique_ptr<Backbone> backbone_;           // of the last task
  std::unique_ptr<FeatureExtractor> extractor_;  // likewise
};

}  // namespace

std::unique_ptr<TaskHandler> NewExtractionHandler(const Peers& peers,
                                                  int threads,
                                                  const std::string& device) {
  return std::make_unique<ExtractionHandler>(peers, threads, device);
}

}  // namespace nevus
