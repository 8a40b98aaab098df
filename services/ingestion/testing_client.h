// A server with the ingestion service alone, and a client of it, over a real
// channel within the process. For the tests of this folder.
#ifndef NEVUS_SERVICES_INGESTION_TESTING_CLIENT_H_
#define NEVUS_SERVICES_INGESTION_TESTING_CLIENT_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/temp_dir.h"
#include "protos/nevus/v1/dataset.grpc.pb.h"
#include "services/runtime/hosted_service.h"

namespace nevus {

// An example that is what it says: size and digest are those of `image`.
v1::ExampleUpload UploadOf(const std::string& id, const std::string& label,
                           const std::string& image);

v1::ImportExamplesRequest HeaderMessage(const std::string& dataset);
v1::ImportExamplesRequest ExampleMessage(const v1::ExampleUpload& upload);
v1::ImportExamplesRequest ChunkMessage(const std::string& bytes);

// Thread-compatible.
class TestingClient {
 public:
  TestingClient();
  ~TestingClient();

  v1::DatasetService::Stub& stub() { return *stub_; }

  // Sends `messages`, then reads all outcomes. They must be few enough that
  // the server need not wait for the reading.
  absl::StatusOr<std::vector<v1::ImportOutcome>> Import(
      const std::vector<v1::ImportExamplesRequest>& messages);

  absl::StatusOr<v1::Dataset> Get(const std::string& name);
  absl::StatusOr<v1::Dataset> Split(const std::string& name, double train,
                                    double validation, double test,
                                    uint64_t seed = 0);
  absl::StatusOr<v1::DatasetVersion> Seal(const std::string& name);
  absl::StatusOr<std::vector<v1::ReadExamplesResponse>> ReadExamples(
      const v1::ReadExamplesRequest& request);
  absl::StatusOr<std::vector<v1::ReadImagesResponse>> ReadImages(
      const std::vector<std::string>& digests);

 private:
  TempDir dir_;
  FakeClock clock_;
  std::unique_ptr<HostedService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::DatasetService::Stub> stub_;
};

// Calls `method` of the stub with `request`.
template <typename Request, typename Response>
absl::StatusOr<Response> Call(
    v1::DatasetService::Stub& stub,
    grpc::Status (v1::DatasetService::Stub::*method)(grpc::ClientContext*,
                                                     const Request&, Response*),
    const Request& request);

}  // namespace nevus

#endif  // NEVUS_SERVICES_INGESTION_TESTING_CLIENT_H_
