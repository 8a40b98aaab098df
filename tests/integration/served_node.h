// A node inside the test's process with a model "melanoma@production", made by
// the usual way; and calls on it over TCP.
#ifndef NEVUS_TESTS_INTEGRATION_SERVED_NODE_H_
#define NEVUS_TESTS_INTEGRATION_SERVED_NODE_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/temp_dir.h"
#include "clients/cpp/client.h"
#include "clients/cpp/upload.h"
#include "services/nevusd/node.h"

namespace nevus {

// `count` synthetic photographs of 32 to 96 pixels a side, as files in
// `folder`; every fifth is of validation.
absl::StatusOr<std::vector<ExampleFile>> WritePhotographs(
    const std::string& folder, int count);

// Thread-compatible.
class ServedNode {
 public:
  // Imports `files`, a VGG16 for 32 x 32 pixels with random weights, extracts
  // with `precision`, trains melanoma@1 and promotes it.
  static absl::StatusOr<std::unique_ptr<ServedNode>> Start(
      const std::vector<ExampleFile>& files, const std::string& precision);

  Node& node() { return *node_; }
  Client& client() { return *client_; }
  std::string address() const;
  // A connection that no other call shares.
  std::shared_ptr<grpc::Channel> Connect() const;
  // What the alias answers for an image.
  absl::StatusOr<v1::PredictResponse> Predict(const std::string& image);

 private:
  ServedNode() = default;
  absl::Status MakeModel(const std::vector<ExampleFile>& files,
                         const std::string& precision);
  absl::Status Finish(const absl::StatusOr<v1::Job>& job);

  TempDir dir_;  // first: outlives the node
  std::unique_ptr<Node> node_;
  std::unique_ptr<Client> client_;
};

}  // namespace nevus

#endif  // NEVUS_TESTS_INTEGRATION_SERVED_NODE_H_
