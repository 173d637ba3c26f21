package dev.whittle.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Files as the kernel shows them, in a folder.
class AvailableMemoryTest {
  private static final long MACHINE = 8000L * 1024;

  @TempDir Path folder;

  @BeforeEach
  void aMachine() throws IOException {
    write("proc/meminfo", "MemTotal:       9000 kB\nMemFree:   100 kB\nMemAvailable:   8000 kB\n");
  }

  private void write(String file, String text) throws IOException {
    Path path = folder.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text);
  }

  private OptionalLong measure() {
    return new AvailableMemory(folder.resolve("proc"), folder.resolve("cgroup")).measure();
  }

  private void group(String path, String max, long current, long cached) throws IOException {
    write("cgroup" + path + "/memory.max", max + "\n");
    write("cgroup" + path + "/memory.high", "max\n");
    write("cgroup" + path + "/memory.current", current + "\n");
    write(
        "cgroup" + path + "/memory.stat",
        "anon 5\ninactive_file %d\nactive_file 7\nslab 3\n".formatted(cached));
  }

  @Test
  void withoutLimitsItIsWhatTheMachineHas() throws IOException {
    write("proc/self/cgroup", "0::/a/b\n");
    group("/a/b", "max", 10, 0);
    assertEquals(OptionalLong.of(MACHINE), measure());
  }

  @Test
  void theTightestLimitOfAllGroupsAboveCounts() throws IOException {
    write("proc/self/cgroup", "0::/a/b\n");
    group("/a", "1000000", 700_000, 100_000);
    group("/a/b", "900000", 50_000, 0);
    assertEquals(OptionalLong.of(1_000_000 - 700_000 + 100_000 + 7), measure());
  }

  @Test
  void whatIsThrottledCountsAsTheLimit() throws IOException {
    write("proc/self/cgroup", "0::/a\n");
    group("/a", "max", 100_000, 0);
    write("cgroup/a/memory.high", "500000\n");
    assertEquals(OptionalLong.of(400_007), measure());
  }

  @Test
  void aContainersOwnRootIsFoundUnderTheHostsPath() throws IOException {
    write("proc/self/cgroup", "0::/docker/0123\n");
    group("", "2000000", 500_000, 0);
    assertEquals(OptionalLong.of(1_500_007), measure());
  }

  @Test
  void theFirstVersionIsUnderstoodToo() throws IOException {
    write("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/x\n0::/\n");
    write("cgroup/memory/x/memory.limit_in_bytes", "3000000\n");
    write("cgroup/memory/x/memory.usage_in_bytes", "1000000\n");
    write("cgroup/memory/x/memory.stat", "total_inactive_file 200\ntotal_active_file 30\n");
    write("cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    assertEquals(OptionalLong.of(2_000_230), measure());
  }

  @Test
  void otherSystemsAreAskedForWhatTheyHave() {
    assertTrue(new AvailableMemory(folder.resolve("none"), folder).measure().isEmpty());
    assertTrue(AvailableMemory.bytes() > 0);
  }
}
