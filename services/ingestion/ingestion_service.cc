#include "services/ingestion/ingestion_service.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "protos/nevus/v1/dataset.grpc.pb.h"
#include "services/ingestion/import_stream.h"
#include "services/ingestion/split.h"
#include "services/runtime/page.h"
#include "storage/dataset/dataset_store.h"
#include "storage/engine/request_log.h"
#include "storage/engine/rocksdb_store.h"

namespace nevus {
namespace {

// A message of rows is sent when it has this many, or bytes: 1000 rows with all
// the attributes allowed would not fit in a message.
constexpr int kRowsInMessage = 1000;
constexpr size_t kRowBytesInMessage = 1 << 20;
constexpr int kMaxDigests = 4096;

template <typename T>
grpc::Status Answer(absl::StatusOr<T> result, T* response) {
  if (!result.ok()) return ToGrpc(result.status());
  *response = *std::move(result);
  return grpc::Status::OK;
}

absl::Status CallerGone() {
  return absl::CancelledError("the caller has gone");
}

class DatasetServiceImpl final : public v1::DatasetService::Service {
 public:
  DatasetServiceImpl(DatasetStore& store, RequestLog& requests,
                     const Clock& clock)
      : store_(store), requests_(requests), clock_(clock) {}

  grpc::Status ImportExamples(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::ImportExamplesResponse,
                               v1::ImportExamplesRequest>* stream) override {
    return ToGrpc(Import(*context, *stream));
  }
  grpc::Status SplitDataset(grpc::ServerContext*,
                            const v1::SplitDatasetRequest* request,
                            v1::Dataset* response) override {
    return Answer(
        requests_.Once<v1::Dataset>(
            RequestOf("SplitDataset", *request),
            [&](const RequestEntry& entry) { return Split(*request, entry); }),
        response);
  }
  grpc::Status SealDataset(grpc::ServerContext*,
                           const v1::SealDatasetRequest* request,
                           v1::DatasetVersion* response) override {
    return Answer(requests_.Once<v1::DatasetVersion>(
                      RequestOf("SealDataset", *request),
                      [&](const RequestEntry& entry) {
                        return store_.Seal(request->name(), clock_.Now(),
                                           entry);
                      }),
                  response);
  }
  grpc::Status GetDataset(grpc::ServerContext*,
                          const v1::GetDatasetRequest* request,
                          v1::Dataset* response) override {
    return Answer(store_.Get(request->name()), response);
  }
  grpc::Status ListDatasets(grpc::ServerContext*,
                            const v1::ListDatasetsRequest* request,
                            v1::ListDatasetsResponse* response) override {
    return Answer(List(*request), response);
  }
  grpc::Status GetDatasetVersion(grpc::ServerContext*,
                                 const v1::GetDatasetVersionRequest* request,
                                 v1::DatasetVersion* response) override {
    return Answer(store_.GetVersion(request->dataset(), request->version()),
                  response);
  }
  grpc::Status DeleteDataset(grpc::ServerContext*,
                             const v1::DeleteDatasetRequest* request,
                             v1::DeleteDatasetResponse* response) override {
    return Answer(
        requests_.Once<v1::DeleteDatasetResponse>(
            RequestOf("DeleteDataset", *request),
            [&](const RequestEntry& entry) { return Delete(*request, entry); }),
        response);
  }
  grpc::Status ReadExamples(
      grpc::ServerContext*, const v1::ReadExamplesRequest* request,
      grpc::ServerWriter<v1::ReadExamplesResponse>* writer) override {
    return ToGrpc(SendExamples(*request, *writer));
  }
  grpc::Status ReadImages(
      grpc::ServerContext*, const v1::ReadImagesRequest* request,
      grpc::ServerWriter<v1::ReadImagesResponse>* writer) override {
    return ToGrpc(SendImages(*request, *writer));
  }

 private:
  absl::Status Import(
      const grpc::ServerContext& context,
      grpc::ServerReaderWriter<v1::ImportExamplesResponse,
                               v1::ImportExamplesRequest>& stream) {
    ImportStream import(store_, clock_);
    v1::ImportExamplesRequest request;
    while (stream.Read(&request)) {
      ASSIGN_OR_RETURN(const v1::ImportExamplesResponse outcomes,
                       import.Take(std::move(request)));
      if (outcomes.outcomes().empty()) continue;
      if (!stream.Write(outcomes)) return CallerGone();
    }
    // A stream also ends because it broke: then the last image is half there.
    if (context.IsCancelled()) return CallerGone();
    ASSIGN_OR_RETURN(const v1::ImportExamplesResponse outcomes,
                     import.Finish());
    if (outcomes.outcomes().empty()) return absl::OkStatus();
    return stream.Write(outcomes) ? absl::OkStatus() : CallerGone();
  }

  absl::StatusOr<v1::Dataset> Split(const v1::SplitDatasetRequest& request,
                                    const RequestEntry& entry) {
    std::vector<v1::Example> rows;
    RETURN_IF_ERROR(
        store_.ReadExamples(request.name(), 0, {}, [&](v1::Example row) {
          rows.push_back(std::move(row));
          return true;
        }));
    ASSIGN_OR_RETURN(
        const auto splits,
        DrawSplits(rows,
                   {request.train(), request.validation(), request.test()},
                   request.seed()));
    return store_.SetSplits(request.name(), splits, entry);
  }

  absl::StatusOr<v1::ListDatasetsResponse> List(
      const v1::ListDatasetsRequest& request) {
    ASSIGN_OR_RETURN(const std::string start_after,
                     StartAfter(request.page_token()));
    const int page_size = PageSize(request.page_size());
    // One more than is shown: whether a page follows.
    ASSIGN_OR_RETURN(std::vector<v1::Dataset> datasets,
                     store_.List(start_after, page_size + 1));
    v1::ListDatasetsResponse response;
    for (v1::Dataset& dataset : datasets) {
      if (response.datasets_size() == page_size) {
        response.set_next_page_token(
            PageToken(response.datasets().rbegin()->name()));
        break;
      }
      *response.add_datasets() = std::move(dataset);
    }
    return response;
  }

  absl::StatusOr<v1::DeleteDatasetResponse> Delete(
      const v1::DeleteDatasetRequest& request, const RequestEntry& entry) {
    ASSIGN_OR_RETURN(const v1::DeleteDatasetResponse response,
                     store_.Delete(request.name(), request.version(), entry));
    Log("dataset.deleted")
        .With("dataset", request.name())
        .With("version", request.version())
        .With("images_freed", response.images_freed());
    return response;
  }

  absl::Status SendExamples(
      const v1::ReadExamplesRequest& request,
      grpc::ServerWriter<v1::ReadExamplesResponse>& writer) {
    std::set<v1::Split> splits;
    for (const int split : request.splits()) {
      splits.insert(static_cast<v1::Split>(split));
    }
    v1::ReadExamplesResponse response;
    size_t bytes = 0;
    bool is_sent = true;
    const auto send = [&](v1::Example row) {
      bytes += row.ByteSizeLong();
      *response.add_examples() = std::move(row);
      if (response.examples_size() < kRowsInMessage &&
          bytes < kRowBytesInMessage) {
        return true;
      }
      is_sent = writer.Write(response);
      response.Clear();
      bytes = 0;
      return is_sent;
    };
    RETURN_IF_ERROR(store_.ReadExamples(request.dataset(), request.version(),
                                        splits, send));
    if (is_sent && !response.examples().empty()) {
      is_sent = writer.Write(response);
    }
    return is_sent ? absl::OkStatus() : CallerGone();
  }

  absl::Status SendImages(const v1::ReadImagesRequest& request,
                          grpc::ServerWriter<v1::ReadImagesResponse>& writer) {
    if (request.digests_size() > kMaxDigests) {
      return WithReason(absl::InvalidArgumentError(absl::StrCat(
                            request.digests_size(),
                            " digests are too many for a call; the "
                            "most is ",
                            kMaxDigests, ". Ask again for the rest")),
                        "TOO_MANY_DIGESTS");
    }
    for (const std::string& digest : request.digests()) {
      v1::ReadImagesResponse response;
      response.set_digest(digest);
      ASSIGN_OR_RETURN(*response.mutable_image(), store_.GetImage(digest));
      if (!writer.Write(response)) return CallerGone();
    }
    return absl::OkStatus();
  }

  DatasetStore& store_;
  RequestLog& requests_;
  const Clock& clock_;
};

class IngestionService final : public HostedService {
 public:
  IngestionService(std::unique_ptr<RocksDbStore> engine,
                   std::unique_ptr<RequestLog> requests, const Clock& clock)
      : engine_(std::move(engine)),
        requests_(std::move(requests)),
        store_(*engine_),
        datasets_(store_, *requests_, clock) {}

  std::vector<grpc::Service*> grpc_services() override { return {&datasets_}; }

  absl::Status Backup(const std::string& dir) override {
    return engine_->Checkpoint(dir);
  }
  absl::Status Verify(const VerifyVisitor& visit) override {
    return engine_->Verify(visit);
  }

 private:
  const std::unique_ptr<RocksDbStore> engine_;
  const std::unique_ptr<RequestLog> requests_;
  DatasetStore store_;
  DatasetServiceImpl datasets_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HostedService>> NewIngestionService(
    const ServiceContext& context) {
  ASSIGN_OR_RETURN(std::unique_ptr<RocksDbStore> engine,
                   RocksDbStore::Open(context.data_dir + "/ingestion"));
  ASSIGN_OR_RETURN(std::unique_ptr<RequestLog> requests,
                   RequestLog::Open(*engine));
  return std::make_unique<IngestionService>(
      std::move(engine), std::move(requests), *context.clock);
}

}  // namespace nevus
