package dev.whittle.tests;

import static dev.whittle.tests.CommandLine.whittle;
import static dev.whittle.tests.Expectations.assertDone;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

class DoctorTest {

  @Test
  void finds_this_machine_healthy() {
    CommandLine run = whittle("doctor");
    assertDone(run);
    assertEquals("", run.err());
    assertTrue(run.out().contains("ok   libraries"), run.out());
    assertTrue(run.out().contains("ok   CPU product"), run.out());
  }

  @Test
  void gives_json_alone() {
    JsonNode json = whittle("doctor", "--json").json();
    assertTrue(json.get("healthy").booleanValue());
    assertEquals("java", json.at("/findings/0/subject").stringValue());
    JsonNode cuda = null;
    for (JsonNode finding : json.get("findings")) {
      cuda = finding.get("subject").stringValue().equals("cuda") ? finding : cuda;
    }
    assertNotNull(cuda, "nothing about a GPU");
    assertTrue(cuda.get("healthy").booleanValue());
    assertTrue(cuda.get("text").stringValue().endsWith("."), cuda::toString);
  }
}
