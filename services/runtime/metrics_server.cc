#include "services/runtime/metrics_server.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status.h"
#include "services/runtime/metrics_text.h"
#include "services/runtime/server.h"

namespace nevus {
namespace {

// Of a request's head, far more than a scraper sends.
constexpr size_t kMaxRequestBytes = 8192;
// For all of one connection.
constexpr int kConnectionMs = 5000;
constexpr int kBacklog = 16;
constexpr int kForever = -1;

absl::Status PortTaken(const std::string& address, const std::string& why) {
  return WithReason(
      absl::UnavailableError(absl::StrCat(
          "cannot serve metrics on ", address, ": ", why,
          ". Is another nevusd running there? Choose another port")),
      "PORT_TAKEN");
}

// A socket that listens, or -1 with errno.
int Listen(const addrinfo& at) {
  const int fd =
      ::socket(at.ai_family, at.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (::bind(fd, at.ai_addr, at.ai_addrlen) == 0 &&
      ::listen(fd, kBacklog) == 0) {
    return fd;
  }
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

int PortOf(int listener) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<sockaddr_in6*>(&address)->sin6_port
                   : reinterpret_cast<sockaddr_in*>(&address)->sin_port);
}

std::string Response(const std::string& status, const std::string& type,
                     const std::string& body) {
  return absl::StrCat("HTTP/1.1 ", status, "\r\nContent-Type: ", type,
                      "\r\nContent-Length: ", body.size(),
                      "\r\nConnection: close\r\n\r\n", body);
}

std::string Answer(std::string_view request, Metrics& metrics) {
  const std::string_view line = request.substr(0, request.find("\r\n"));
  if (line.substr(0, 4) != "GET ") {
    return Response("405 Method Not Allowed", "text/plain",
                    "only GET is answered\n");
  }
  const std::string_view target = line.substr(4, line.find(' ', 4) - 4);
  if (target.substr(0, target.find('?')) != "/metrics") {
    return Response("404 Not Found", "text/plain", "see /metrics\n");
  }
  return Response("200 OK", kMetricsContentType,
                  ToMetricsText(metrics.Snapshot()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(
    const std::string& address, Metrics& metrics) {
  RETURN_IF_ERROR(CheckListenAddress(address));
  const size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (absl::StartsWith(host, "[")) host = host.substr(1, host.size() - 2);
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(
      host.c_str(), address.substr(colon + 1).c_str(), &hints, &found);
  if (error != 0) return PortTaken(address, gai_strerror(error));
  const int listener = Listen(*found);
  const int listen_error = errno;
  ::freeaddrinfo(found);
  if (listener < 0) return PortTaken(address, std::strerror(listen_error));
  return std::unique_ptr<MetricsServer>(
      new MetricsServer(metrics, listener, PortOf(listener)));
}

MetricsServer::MetricsServer(Metrics& metrics, int listener, int port)
    : metrics_(metrics),
      listener_(listener),
      port_(port),
      ending_(::eventfd(0, EFD_CLOEXEC)),
      thread_([this] { Work(); }) {}

MetricsServer::~MetricsServer() {
  const uint64_t one = 1;
  (void)!::write(ending_, &one, sizeof(one));
  thread_.join();
  ::close(listener_);
  ::close(ending_);
}

bool MetricsServer::Await(int fd, short events, int timeout_ms) const {
  pollfd both[] = {{fd, events, 0}, {ending_, POLLIN, 0}};
  int ready = 0;
  do {
    ready = ::poll(both, 2, timeout_ms);
  } while (ready < 0 && errno == EINTR);
  return ready > 0 && both[1].revents == 0;
}

void MetricsServer::Work() {
  while (Await(listener_, POLLIN, kForever)) {
    const int connection =
        ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    // A client that has left already, or no descriptors: the next one may do.
    if (connection < 0) continue;
    Serve(connection);
    ::close(connection);
  }
}

void MetricsServer::Serve(int connection) {
  const Stopwatch since_begin;
  const auto left_ms = [&] {
    return std::max(
        0, kConnectionMs - static_cast<int>(1000 * since_begin.Seconds()));
  };
  std::string request;
  char buffer[1024];
  while (request.find("\r\n\r\n") == std::string::npos) {
    if (request.size() > kMaxRequestBytes) return;
    if (!Await(connection, POLLIN, left_ms())) return;
    const ssize_t got = ::read(connection, buffer, sizeof(buffer));
    if (got <= 0) return;
    request.append(buffer, static_cast<size_t>(got));
  }
  const std::string answer = Answer(request, metrics_);
  std::string_view rest = answer;
  while (!rest.empty()) {
    if (!Await(connection, POLLOUT, left_ms())) return;
    // A client that left is no signal to this process.
    const ssize_t sent =
        ::send(connection, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    rest.remove_prefix(static_cast<size_t>(sent));
  }
}

}  // namespace nevus
