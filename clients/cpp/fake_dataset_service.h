// A DatasetService in memory behind a real port, for tests of clients. Takes
// imports as the contract says; knows no other rpc.
#ifndef NEVUS_CLIENTS_CPP_FAKE_DATASET_SERVICE_H_
#define NEVUS_CLIENTS_CPP_FAKE_DATASET_SERVICE_H_

#include <grpcpp/server.h>

#include <map>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "protos/nevus/v1/dataset.grpc.pb.h"

namespace nevus {

// Thread-safe. Refuses an example whose bytes are "bad" (IMAGE_BAD) and one
// whose id is there with other bytes (EXAMPLE_CONFLICT); DATA_LOSS ends the
// stream if bytes do not have the declared size and SHA-256.
class FakeDatasetServer final : public v1::DatasetService::Service {
 public:
  FakeDatasetServer();
  ~FakeDatasetServer() override;

  const std::string& address() const { return address_; }
  int examples() const;

  grpc::Status ImportExamples(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::ImportExamplesResponse,
                               v1::ImportExamplesRequest>* stream) override;
  grpc::Status GetDataset(grpc::ServerContext* context,
                          const v1::GetDatasetRequest* request,
                          v1::Dataset* response) override;

 private:
  v1::ImportOutcome Settle(const v1::ExampleUpload& upload,
                           const std::string& bytes);

  mutable Mutex mutex_;
  std::map<std::string, std::string> bytes_by_id_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace nevus

#endif  // NEVUS_CLIENTS_CPP_FAKE_DATASET_SERVICE_H_
