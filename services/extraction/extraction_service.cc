#include "services/extraction/extraction_service.h"

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/rpc/channel.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "compute/feature/feature_space.h"
#include "protos/nevus/v1/backbone.grpc.pb.h"
#include "protos/nevus/v1/feature.grpc.pb.h"
#include "protos/nevus/v1/job.grpc.pb.h"
#include "services/extraction/arithmetic_resolver.h"
#include "services/extraction/shard.h"
#include "services/extraction/space_users.h"
#include "services/runtime/convert.h"
#include "services/runtime/peer_call.h"
#include "services/runtime/peer_reads.h"
#include "services/runtime/submitted_job.h"
#include "storage/engine/request_log.h"
#include "storage/engine/rocksdb_store.h"
#include "storage/feature/feature_store.h"

namespace nevus {
namespace {

// The contract's limit on one request (feature.proto).
constexpr int kMaxDigests = 100'000;

absl::Status CheckDigestCount(int count) {
  if (count <= kMaxDigests) return absl::OkStatus();
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        count, " images in one request; the most is ",
                        kMaxDigests, ". Ask in several requests")),
                    "TOO_MANY_IMAGES");
}

class ExtractionService final : public HostedService,
                                public v1::FeatureService::Service {
 public:
  ExtractionService(const ServiceContext& context,
                    std::unique_ptr<RocksDbStore> disk,
                    std::unique_ptr<RequestLog> requests)
      : peers_(*context.peers),
        clock_(*context.clock),
        metrics_(context.metrics),
        cache_hits_(metrics_->AddCounter(
            "nevus_feature_cache_hits_total",
            "Images of extractions whose feature was there already.")),
        cache_misses_(metrics_->AddCounter(
            "nevus_feature_cache_misses_total",
            "Images of extractions whose feature had to be computed.")),
        disk_(std::move(disk)),
        requests_(std::move(requests)),
        store_(*disk_),
        resolver_(peers_, *disk_, context.compute_threads) {}

  std::vector<grpc::Service*> grpc_services() override { return {this}; }

  absl::Status Backup(const std::string& dir) override {
    return disk_->Checkpoint(dir);
  }
  absl::Status Verify(const VerifyVisitor& visit) override {
    return disk_->Verify(visit);
  }

  grpc::Status Extract(grpc::ServerContext* call,
                       const v1::ExtractRequest* request,
                       v1::Job* response) override {
    return Answer(Submit(*request, call), response);
  }

  grpc::Status ResolveFeatureSpace(
      grpc::ServerContext* call, const v1::ResolveFeatureSpaceRequest* request,
      v1::FeatureSpace* response) override {
    return Answer(Resolve(*request, call), response);
  }

  grpc::Status GetFeatureSpace(grpc::ServerContext*,
                               const v1::GetFeatureSpaceRequest* request,
                               v1::FeatureSpace* response) override {
    return Answer(store_.GetSpace(request->digest()), response);
  }

  grpc::Status ListFeatureSpaces(
      grpc::ServerContext* call, const v1::ListFeatureSpacesRequest* request,
      v1::ListFeatureSpacesResponse* response) override {
    absl::StatusOr<std::vector<v1::FeatureSpace>> spaces = store_.ListSpaces();
    if (!spaces.ok()) return ToGrpc(spaces.status());
    if (request->with_users()) {
      const absl::Status named = NameUsers(peers_, call, *spaces);
      if (!named.ok()) return ToGrpc(named);
    }
    *response->mutable_spaces() = {spaces->begin(), spaces->end()};
    return grpc::Status::OK;
  }

  grpc::Status DeleteFeatureSpace(
      grpc::ServerContext* call, const v1::DeleteFeatureSpaceRequest* request,
      v1::DeleteFeatureSpaceResponse* response) override {
    return Answer(requests_->Once<v1::DeleteFeatureSpaceResponse>(
                      RequestOf("DeleteFeatureSpace", *request),
                      [&](const RequestEntry& entry) {
                        return Delete(request->digest(), entry, call);
                      }),
                  response);
  }

  grpc::Status FindMissing(grpc::ServerContext*,
                           const v1::FindMissingRequest* request,
                           v1::FindMissingResponse* response) override {
    const absl::Status few = CheckDigestCount(request->image_digests_size());
    if (!few.ok()) return ToGrpc(few);
    const absl::StatusOr<std::vector<std::string>> missing = store_.FindMissing(
        request->space(),
        {request->image_digests().begin(), request->image_digests().end()});
    if (!missing.ok()) return ToGrpc(missing.status());
    *response->mutable_image_digests() = {missing->begin(), missing->end()};
    return grpc::Status::OK;
  }

  grpc::Status WriteFeatures(grpc::ServerContext*,
                             const v1::WriteFeaturesRequest* request,
                             v1::WriteFeaturesResponse*) override {
    return ToGrpc(
        store_.Write(request->space(),
                     {request->features().begin(), request->features().end()},
                     request->lease(), clock_.Now()));
  }

  grpc::Status ReadFeatures(
      grpc::ServerContext* call, const v1::ReadFeaturesRequest* request,
      grpc::ServerWriter<v1::ReadFeaturesResponse>* writer) override {
    const absl::Status few = CheckDigestCount(request->image_digests_size());
    if (!few.ok()) return ToGrpc(few);
    v1::ReadFeaturesResponse response;
    size_t bytes = 0;
    const auto send = [&](v1::Feature feature) {
      bytes += feature.ByteSizeLong();
      *response.add_features() = std::move(feature);
      if (bytes < kChunkBytes) return true;
      const bool heard = writer->Write(response) && !call->IsCancelled();
      response.Clear();
      bytes = 0;
      return heard;
    };
    const std::vector<std::string> images = {request->image_digests().begin(),
                                             request->image_digests().end()};
    const absl::Status read =
        request->packed() ? store_.ReadPacked(request->space(), images, send)
                          : store_.Read(request->space(), images, send);
    // Also before an error: what came before it is good.
    if (response.features_size() > 0) writer->Write(response);
    return ToGrpc(read);
  }

 private:
  template <typename T>
  static grpc::Status Answer(absl::StatusOr<T> answer, T* response) {
    if (!answer.ok()) return ToGrpc(answer.status());
    *response = *std::move(answer);
    return grpc::Status::OK;
  }

  // What a job submitted from here on writes is there again when it ends; what
  // it thought was there is missing, and a training says so.
  absl::StatusOr<v1::DeleteFeatureSpaceResponse> Delete(
      const std::string& digest, const RequestEntry& entry,
      const grpc::ServerContext* call) {
    RETURN_IF_ERROR(store_.GetSpace(digest).status());
    RETURN_IF_ERROR(CheckUnused(peers_, digest, call));
    ASSIGN_OR_RETURN(v1::DeleteFeatureSpaceResponse response,
                     store_.DeleteSpace(digest, entry));
    RETURN_IF_ERROR(disk_->Reclaim(FeatureStore::ValuesPrefix(digest)));
    Log("feature_space.deleted")
        .With("space", digest)
        .With("features", response.space().features());
    return response;
  }

  absl::StatusOr<v1::FeatureSpace> Resolve(
      const v1::ResolveFeatureSpaceRequest& request,
      const grpc::ServerContext* call) {
    const auto registry =
        v1::BackboneService::NewStub(peers_.ChannelTo("registry"));
    v1::GetBackboneRequest get;
    get.set_name(request.backbone());
    ASSIGN_OR_RETURN(
        const v1::Backbone stored,
        CallPeer(*registry, &v1::BackboneService::Stub::GetBackbone, get,
                 call));
    ASSIGN_OR_RETURN(const BackboneInfo backbone, ToBackboneInfo(stored));
    ASSIGN_OR_RETURN(
        FeatureSpaceSpec spec,
        nevus::ResolveFeatureSpace(backbone, request.cut(), request.pooling(),
                                   request.precision()));
    ASSIGN_OR_RETURN(const ResolvedArithmetic resolved,
                     resolver_.Resolve(request, backbone, spec, call));
    spec.arithmetic = resolved.arithmetic;
    spec.calibration = resolved.calibration;
    ASSIGN_OR_RETURN(spec.views, ParseViews(request.views()));
    ASSIGN_OR_RETURN(spec.values, ParseFeatureValues(request.values()));
    ASSIGN_OR_RETURN(const std::vector<Cut> cuts, FindCuts(backbone, spec.cut));
    v1::FeatureSpace space =
        ToProto(spec, FeatureDimension(cuts, spec.pooling));
    space.set_arithmetic_reason(resolved.reason);
    return space;
  }

  absl::StatusOr<v1::Job> Submit(const v1::ExtractRequest& request,
                                 const grpc::ServerContext* call) {
    const std::string digest = RequestDigest(request);
    ASSIGN_OR_RETURN(
        const std::optional<v1::Job> before,
        FindSubmittedJob(peers_, request.request_id(), digest, call));
    if (before.has_value()) return *before;
    v1::ResolveFeatureSpaceRequest resolve;
    resolve.set_backbone(request.backbone());
    resolve.set_cut(request.cut());
    resolve.set_pooling(request.pooling());
    resolve.set_precision(request.precision());
    resolve.set_dataset(request.dataset());
    resolve.set_version(request.version());
    resolve.set_calibrated_on(request.calibrated_on());
    resolve.set_views(request.views());
    resolve.set_values(request.values());
    ASSIGN_OR_RETURN(const v1::FeatureSpace space, Resolve(resolve, call));
    // Rows of no split too: a later version may give them one.
    ASSIGN_OR_RETURN(const std::vector<v1::Example> examples,
                     ReadExamples(peers_, request.dataset(), request.version(),
                                  /*splits=*/{}, call));
    std::set<std::string> images;
    for (const v1::Example& example : examples) {
      images.insert(example.image_digest());
    }
    ASSIGN_OR_RETURN(
        const std::vector<std::string> missing,
        store_.FindMissing(space.digest(), {images.begin(), images.end()}));
    cache_hits_.Add(static_cast<double>(images.size() - missing.size()));
    cache_misses_.Add(static_cast<double>(missing.size()));

    v1::SubmitJobRequest submit;
    v1::Job& job = *submit.mutable_job();
    job.set_kind(v1::EXTRACTION);
    job.set_title(absl::StrCat("extract ", request.dataset(), "@",
                               request.version(), " with ", request.backbone(),
                               "/", space.cut()));
    job.set_request_id(request.request_id());
    job.set_request_digest(digest);
    job.set_priority(request.priority());
    job.set_result(space.digest());
    for (const std::vector<std::string>& shard : CutIntoShards(missing)) {
      v1::Task& task = *job.add_tasks();
      task.mutable_progress()->set_total(shard.size());
      task.mutable_progress()->set_unit("images");
      v1::ExtractTask& extract = *task.mutable_spec()->mutable_extract();
      extract.set_space(space.digest());
      extract.set_backbone(space.backbone_digest());
      extract.set_cut(space.cut());
      extract.set_pooling(space.pooling());
      extract.set_arithmetic(space.arithmetic());
      extract.set_arithmetic_reason(space.arithmetic_reason());
      *extract.mutable_calibration() = space.calibration();
      extract.set_views(space.views());
      extract.set_values(space.values());
      *extract.mutable_image_digests() = {shard.begin(), shard.end()};
    }
    const auto scheduler =
        v1::JobService::NewStub(peers_.ChannelTo("scheduler"));
    return CallPeer(*scheduler, &v1::JobService::Stub::SubmitJob, submit, call);
  }

  const Peers& peers_;
  const Clock& clock_;
  const std::shared_ptr<Metrics> metrics_;
  Counter& cache_hits_;
  Counter& cache_misses_;
  const std::unique_ptr<RocksDbStore> disk_;
  const std::unique_ptr<RequestLog> requests_;
  FeatureStore store_;
  ArithmeticResolver resolver_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HostedService>> NewExtractionService(
    const ServiceContext& context) {
  ASSIGN_OR_RETURN(std::unique_ptr<RocksDbStore> disk,
                   RocksDbStore::Open(context.data_dir + "/extraction"));
  ASSIGN_OR_RETURN(std::unique_ptr<RequestLog> requests,
                   RequestLog::Open(*disk));
  return std::make_unique<ExtractionService>(context, std::move(disk),
                                             std::move(requests));
}

}  // namespace nevus
