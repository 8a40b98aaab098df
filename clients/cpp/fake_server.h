// Any services behind a real port, for tests of clients: a server that can be
// stopped and come back at the same address. Knows no service.
#ifndef NEVUS_CLIENTS_CPP_FAKE_SERVER_H_
#define NEVUS_CLIENTS_CPP_FAKE_SERVER_H_

#include <grpcpp/impl/codegen/service_type.h>
#include <grpcpp/server.h>

#include <memory>
#include <string>
#include <vector>

namespace nevus {

// Thread-compatible. The services must outlive it.
class FakeServer {
 public:
  explicit FakeServer(std::vector<grpc::Service*> services);
  ~FakeServer();

  const std::string& address() const { return address_; }
  // Breaks all calls, as the end of a process does, and serves again. A service
  // must notice that its calls are cancelled.
  void Restart();

 private:
  void Start();

  const std::vector<grpc::Service*> services_;
  std::string address_ = "127.0.0.1:0";
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace nevus

#endif  // NEVUS_CLIENTS_CPP_FAKE_SERVER_H_
