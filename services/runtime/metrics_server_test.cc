#include "services/runtime/metrics_server.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "base/metrics.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/runtime/process_metrics.h"

namespace nevus {
namespace {

using testing::HasSubstr;
using testing::Not;

int Connect(int port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address),
                sizeof(address)) == 0) {
    return socket;
  }
  ::close(socket);
  return -1;
}

std::string Send(int port, const std::string& request) {
  const int socket = Connect(port);
  if (socket < 0) return "no connection";
  (void)::send(socket, request.data(), request.size(), MSG_NOSIGNAL);
  std::string answer;
  char buffer[4096];
  ssize_t got = 0;
  while ((got = ::read(socket, buffer, sizeof(buffer))) > 0) {
    answer.append(buffer, static_cast<size_t>(got));
  }
  ::close(socket);
  return answer;
}

// What a plain HTTP/1.0 client gets.
std::string HttpGet(int port, const std::string& path) {
  return Send(port, absl::StrCat("GET ", path, " HTTP/1.0\r\n\r\n"));
}

TEST(MetricsServerTest, ServesTheTextFormat) {
  Metrics metrics;
  metrics.AddCounter("a_total", "Things asked.", {{"kind", "x\"y"}}).Add(3);
  metrics.AddGauge("b_bytes", "Size.").Set(2.5);
  metrics.AddHistogram("c_seconds", "Time.", {0.5, 1}).Observe(0.75);
  const auto server = MetricsServer::Start("127.0.0.1:0", metrics).value();
  const std::string text = HttpGet(server->port(), "/metrics");
  EXPECT_THAT(text, HasSubstr("200 OK"));
  // As https://prometheus.io/docs/instrumenting/exposition_formats/ has it.
  EXPECT_THAT(text, HasSubstr("# HELP a_total Things asked.\n"
                              "# TYPE a_total counter\n"
                              "a_total{kind=\"x\\\"y\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE b_bytes gauge\nb_bytes 2.5\n"));
  EXPECT_THAT(text, HasSubstr("c_seconds_count 1\n"));
  EXPECT_THAT(text, HasSubstr("c_seconds_sum 0.75\n"));
  EXPECT_THAT(text, HasSubstr("c_seconds_bucket{le=\"0.5\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("c_seconds_bucket{le=\"1\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("c_seconds_bucket{le=\"+Inf\"} 1\n"));
  EXPECT_THAT(HttpGet(server->port(), "/other"), Not(HasSubstr("200 OK")));
}

TEST(MetricsServerTest, WhatIsNoRequestHurtsNobody) {
  Metrics metrics;
  metrics.AddGauge("b_bytes", "Size.").Set(2.5);
  const auto server = MetricsServer::Start("127.0.0.1:0", metrics).value();
  EXPECT_THAT(Send(server->port(), "POST /metrics HTTP/1.1\r\n\r\n"),
              HasSubstr("405 Method Not Allowed"));
  EXPECT_EQ(Send(server->port(), std::string(20'000, 'x')), "");
  EXPECT_THAT(HttpGet(server->port(), "/metrics?x=1"), HasSubstr("b_bytes"));
  // A client that sends nothing does not keep the server from ending.
  const int silent = Connect(server->port());
  EXPECT_GE(silent, 0);
  ::close(silent);
}

TEST(MetricsServerTest, ListensOnLoopbackOnlyAndOnce) {
  Metrics metrics;
  EXPECT_EQ(ReasonOf(MetricsServer::Start("0.0.0.0:0", metrics).status()),
            "LISTEN_NEEDS_TLS");
  const auto server = MetricsServer::Start("localhost:0", metrics).value();
  const std::string taken = absl::StrCat("127.0.0.1:", server->port());
  const absl::Status status = MetricsServer::Start(taken, metrics).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, taken));
  EXPECT_EQ(ReasonOf(status), "PORT_TAKEN");
}

TEST(ProcessMetricsTest, ReadsTheSecondFieldOfStatm) {
  EXPECT_EQ(ResidentBytes("25000 1234 900 10 0 5000 0", 4096), 1234 * 4096);
  EXPECT_EQ(ResidentBytes("", 4096), 0);
  EXPECT_EQ(ResidentBytes("1 x", 4096), 0);
}

TEST(ProcessMetricsTest, ThisProcessHasMemory) {
  Metrics metrics;
  AddProcessMetrics(metrics);
  for (const MetricSnapshot& snapshot : metrics.Snapshot()) {
    if (snapshot.name != "nevus_rss_bytes") continue;
    // A megabyte at least, and not a terabyte.
    EXPECT_GT(snapshot.samples[0].value, 1e6);
    EXPECT_LT(snapshot.samples[0].value, 1e12);
    return;
  }
  FAIL() << "no nevus_rss_bytes";
}

}  // namespace
}  // namespace nevus
