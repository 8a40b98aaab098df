#include "clients/cpp/fake_server.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/rpc/channel.h"

namespace nevus {

FakeServer::FakeServer(std::vector<grpc::Service*> services)
    : services_(std::move(services)) {
  Start();
}

FakeServer::~FakeServer() { server_->Shutdown(DeadlineAfter({})); }

void FakeServer::Start() {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address_, grpc::InsecureServerCredentials(), &port);
  for (grpc::Service* service : services_) builder.RegisterService(service);
  server_ = builder.BuildAndStart();
  address_ = absl::StrCat("127.0.0.1:", port);
}

void FakeServer::Restart() {
  server_->Shutdown(DeadlineAfter(absl::ZeroDuration()));
  server_.reset();
  Start();
}

}  // namespace nevus
