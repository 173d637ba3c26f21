package dev.whittle.jinja;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What is expected was written by Jinja 3.1.6, set up as the transformers library does.
class TemplateTest {
  private static final ZonedDateTime NOW =
      ZonedDateTime.of(2026, 11, 5, 9, 7, 3, 0, ZoneOffset.UTC);

  private static String render(String template) {
    Map<String, Object> message = new LinkedHashMap<>();
    message.put("role", "user");
    message.put("content", "it's");
    return Template.parse(template).render(Map.of("messages", List.of(message)), NOW);
  }

  private static TemplateException failure(String template) {
    return assertThrows(TemplateException.class, () -> render(template), template);
  }

  /// Lines of a template and what is written, with an arrow between.
  private static Stream<String[]> cases(String table) {
    return table.lines().map(line -> line.split(" → ", -1));
  }

  private static Stream<String[]> expressions() {
    return cases(
        """
        'a' ~ 1 ~ none ~ true ~ 1.5 ~ [1, 'x'] → a1NoneTrue1.5[1, 'x']
        1 + 2 * 3 - 4 / 2 → 5.0
        -7 // 2 ~ ' ' ~ -7 % 3 ~ ' ' ~ 7.5 % 2 ~ ' ' ~ 2 ** 10 → -4 2 1.5 1024
        [1e20, 1e16, 1e15, 1.0, 1e-7, 0.0001, 123456789.125, 0.1 + 0.2, -0.0, 1.5e300] → [1e+20, 1e+16, 1000000000000000.0, 1.0, 1e-07, 0.0001, 123456789.125, 0.30000000000000004, -0.0, 1.5e+300]
        -1|abs ~ ' ' ~ 2 ** -1 ~ ' ' ~ -2 ** 2 ~ ' ' ~ 2 ** 3 ** 2 → 1 0.5 4 64
        [3 == 3.0, true == 1, 'a' < 'b', 1 < 2 < 3, 1 < 3 < 2, none == false, '1' == 1] → [True, True, True, True, False, False, False]
        [[1, 2, 3][::-1], [1, 2, 3, 4][1:3], [1, 2, 3][5:], [1, 2, 3, 4, 5][-2::-2]] → [[3, 2, 1], [2, 3], [], [4, 2]]
        ['hello'[::-1], 'hello'[-3:], 'hello'[:-1], 'abc'[::2], 'abc'[5:1:-1], 'a😀b'[1:], 'a😀b'[1]] → ['olleh', 'llo', 'hell', 'ac', 'c', '😀b', '😀']
        'a,b,c'.split(',') ~ ' a  b '.split() ~ 'a b c'.split(' ', 1) ~ 'a b c d'.rsplit(' ', 1) → ['a', 'b', 'c']['a', 'b']['a', 'b c']['a b c', 'd']
        'a  b  c '.split(none, 1) ~ ''.split() ~ ''.split(',') ~ 'x</think>y'.split('</think>')[-1] → ['a', 'b  c '][]['']y
        ['  x '.strip(), '  x '.lstrip(), ' x  '.rstrip(), 'xxaxx'.strip('x'), '\\n\\nab\\n'.lstrip('\\n')] → ['x', 'x ', ' x', 'a', 'ab\\n']
        ['\\u00a0x\\u3000'.strip(), '\\x1fx'.strip(), '\\u200bx'.strip()|length] → ['x', 'x', 2]
        ["it's foo_bar 3x".title(), 'hELLO wORLD'.capitalize(), 'ß'.upper(), 'éa'|upper] → ["It'S Foo_Bar 3X", 'Hello world', 'SS', 'ÉA']
        ['abc'.startswith('a'), 'abc'.startswith(('x', 'a')), 'abc'.endswith('bc'), 'abc'.endswith('x')] → [True, True, True, False]
        ['abcabc'.replace('b', 'X', 1), 'abcabc'|replace('b', 'X'), 'abc'.find('z'), 'abcab'.rfind('b')] → ['aXcabc', 'aXcaXc', -1, 4]
        ['aaa'.count('a'), '-'.join(['a', 'b']), 'abc'.removeprefix('a'), 'abc'.removesuffix('c')] → [3, 'a-b', 'bc', 'ab']
        ['{} and {}'.format(1, 'b'), '{0}{1}{0}'.format('a', 'b'), '{x}{{}}'.format(x=3)] → ['1 and b', 'aba', '3{}']
        'ab\\ncd\\r\\nef'.splitlines() ~ ['12'.isdigit(), 'a1'.isalpha()] → ['ab', 'cd', 'ef'][True, False]
        {'a': 1, 'b': [1, none]} ~ {'a': 1}.items()|map('last')|list ~ {'a': 1}.get('b') ~ {'a': 1}.get('b', 5) → {'a': 1, 'b': [1, None]}[1]None5
        [{'a': {'b': 2}}.a.b, {'items': 3}['items'], {'a': 1}.keys()|list, {'a': 1}.values()|list] → [2, 3, ['a'], [1]]
        ["it's", 'say "x"', 'a\\'"b', '\\n\\t\\\\', 'ü😀\\u200b\\x01'] → ["it's", 'say "x"', 'a\\'"b', '\\n\\t\\\\', 'ü😀\\u200b\\x01']
        ['a' 'b', "d\\"q", 'tab\\tq\\x41\\u00e9\\101\\d'] → ['ab', 'd"q', 'tab\\tqAéA\\\\d']
        [x is defined, x|default('d'), ''|default('d'), ''|default('d', true), x or 'o', x|length] → [False, 'd', '', 'd', 'o', 0]
        [not x, x == y, x == none, x ~ 'a', 'a' in x, none|default('x'), none|default('x', true)] → [True, True, False, 'a', False, None, 'x']
        [none.y is defined, {'a': 1}.b is defined, [1][3] is defined, 'abc'[7] is defined] → [False, False, False, False]
        [1 is number, true is number, true is integer, 1.0 is float, 'a' is string, 'a' is sequence] → [True, True, False, True, True, True]
        [[] is sequence, {} is mapping, {} is sequence, 1 is iterable, none is iterable, x is iterable] → [True, True, True, False, False, True]
        [true is true, 1 is true, 0 is false, true is boolean, none is none, 1 is not none] → [True, False, False, True, True, True]
        [3 is odd, 4 is even, 9 is divisibleby 3, 1 is in [1, 2], 'a' is not in 'bc', 2 is gt 1] → [True, True, True, True, True, True]
        ['abc' is lower, 'ABC' is upper, 1 is ne 2, 1 is equalto(1), 1 is eq 1] → [True, True, True, True, True]
        ['a' if true else 'b', ('a' if false) is defined, 'x' if 1 > 2 else 'y' if 2 > 1 else 'z'] → ['a', False, 'y']
        [[3, 1, 2]|sort, [3, 1, 2]|sort(reverse=true), ['b', 'A', 'c']|sort, [2, 1]|min, [1, 2]|max] → [[1, 2, 3], [3, 2, 1], ['A', 'b', 'c'], 1, 2]
        [[{'a': 2}, {'a': 1}]|sort(attribute='a'), [1, 1, 2]|unique|list, [{'n': 2}]|sum(attribute='n')] → [[{'a': 1}, {'a': 2}], [1, 2], 2]
        [{'b': 1, 'a': 2}|dictsort|map('first')|list, {'b': 1, 'a': 2}|dictsort(false, 'value')|map('last')|list, {'b': 1}|items|map('first')|list] → [['a', 'b'], [1, 2], ['b']]
        ['abc'|list, 'abc'|reverse, [1, 2]|reverse|list, 'ü😀'|length, [1, 2]|first, [1, 2]|last] → [['a', 'b', 'c'], 'cba', [2, 1], 2, 1, 2]
        [[1, 2, 3]|join(', '), [{'x': 1}, {'x': 2}]|join('-', attribute='x'), 'abc'|join('.')] → ['1, 2, 3', '1-2', 'a.b.c']
        [[1, 2, 3]|select('odd')|list, [1, 0]|select|list, [1, 2]|reject('eq', 1)|list] → [[1, 3], [1], [2]]
        [{'r': 'u'}, {'r': 'a'}]|selectattr('r', 'equalto', 'u')|list ~ [{'r': 1}, {}]|rejectattr('r', 'defined')|list → [{'r': 'u'}][{}]
        [{'a': {'b': 5}}]|map(attribute='a.b')|list ~ ['a']|map('upper')|list ~ none|selectattr('x')|list → [5]['A'][]
        {'a': [1, 2.5, true, none, 'q"\\\\\\né<'], 'b': []}|tojson → {"a": [1, 2.5, true, null, "q\\"\\\\\\né<"], "b": []}
        {'b': 1, 'a': 'é😀'}|tojson(ensure_ascii=true, sort_keys=true) ~ [1, 2]|tojson(separators=(',', ':')) → {"a": "\\u00e9\\ud83d\\ude00", "b": 1}[1,2]
        {'a': [1, {'b': []}], 'c': {}}|tojson(indent=1)|replace('\\n', '/') → {/ "a": [/  1,/  {/   "b": []/  }/ ],/ "c": {}/}
        ['5'|int, 'x'|int, 'x'|int(7), '5.9'|int, 5.9|int, '1.5'|float, 3|string + 'a'] → [5, 0, 7, 5, 5, 1.5, '3a']
        ['a\\nb\\n\\nc'|indent(2), 'a\\nb'|indent(2, true), 'a\\nb'|indent('> '), 'xax'|trim('x')] → ['a\\n  b\\n\\n  c', '  a\\n  b', 'a\\n> b', 'a']
        [not 1 in [1], 'k' in {'k': 1}, [] or {} or 'z', 1 and 2, 0 and 2, 'x' * 2, [1] + [2], true + 1] → [False, True, 'z', 2, 0, 'xx', [1, 2], 2]
        [2 * 3 ~ 4, not true|string, [1, 2].0, [1, 2][true], (1 ~ 2)|length] → ['64', False, 1, 2, 2]
        [range(5)|list, range(2, 8, 3)|list, range(5, 0, -2)|list, namespace({'q': 1}).q, dict(a=1)] → [[0, 1, 2, 3, 4], [2, 5], [5, 3, 1], 1, {'a': 1}]
        strftime_now('%d %b %Y') ~ strftime_now(' %A %B %-d %H:%M:%S %j %p %I %y %e %%') → 05 Nov 2026 Thursday November 5 09:07:03 309 AM 09 26  5 %
        messages → [{'role': 'user', 'content': "it's"}]
        'a' is defined and messages[-1]['content'] != 'x' or none → True
        'a b'.split()|join('-')|upper if messages|length == 1 → A-B
        """);
  }

  @ParameterizedTest
  @MethodSource("expressions")
  void anExpressionIsWhatPythonMakesOfIt(String expression, String written) {
    assertEquals(written, render("{{ " + expression + " }}"));
  }

  private static Stream<String[]> statements() {
    return cases(
        """
        {% for i in range(3) %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a', 'b') }};{% endfor %} → 10TrueFalse331a;21FalseFalse3202b;32FalseTrue311a;
        {% for i in [] %}x{% else %}none{% endfor %}{% for k, v in {'a': 1}.items() %}{{ k }}={{ v }}{% endfor %}{% for k in {'a': 1} %}{{ k }}{% endfor %}{% for c in 'ab' %}[{{ c }}]{% endfor %} → nonea=1a[a][b]
        {% for i in [1, 2, 3, 4] if i is even %}{{ loop.index }}:{{ i }}/{{ loop.length }} {% endfor %} → 1:2/2 2:4/2\s
        {% set x = 1 %}{% for i in [1, 2] %}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }} → 221
        {% set ns = namespace(x=1) %}{% for i in [1, 2] %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}{{ ns.z is defined }} → 4False
        {% for i in [1, 2, 3] %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}{% endfor %}{% for i in [1, 2, 3] %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %} → 131
        {% for i in [1, 2] %}{% for j in [1, 2] %}{{ loop.depth }}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %} → 1112111122
        {% macro m(a, b='d', c=none) %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, 2) }}{{ m(1, c=3) }}{{ m() }}{{ m('x')|upper }} → [1dNone][12None][1d3][dNone][XDNONE]
        {% macro m(a) %}{% if a > 0 %}{{ a }}{{ m(a - 1) }}{% endif %}{% endmacro %}{{ m(3) }} → 321
        {% set y = 5 %}{% macro m() %}{{ y }}{% endmacro %}{{ m() }}{% set y = 6 %}{{ m() }} → 56
        {% macro w(n) %}{% for i in range(n) %}<{{ caller(i) }}>{% endfor %}{% endmacro %}{% call(i) w(2) %}({{ i }}){% endcall %} → <(0)><(1)>
        {% set t %}a{{ 1 }}b{% endset %}{{ t }}|{% set t | upper %}abc{% endset %}{{ t }}|{% filter upper %}abc{% endfilter %}|{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a is defined }} → a1b|ABC|ABC|3False
        {% set a, b = 1, 2 %}{{ a }}{{ b }}{% for (a, b) in [[3, 4]] %}{{ a }}{{ b }}{% endfor %}{{ a }} → 12341
        {% if false %}a{% elif true %}b{% else %}c{% endif %}{% if 0 %}a{% elif '' %}b{% else %}c{% endif %} → bc
        {% generation %}x{% set g = 1 %}{% endgeneration %}{{ g is defined }} → xFalse
        {% for x in nothing %}{{ x }}{% endfor %}{{ loop is defined }}{{ x }} → False
        a {#- c -#} b {{- 1 -}} c {%- if true -%} d {%- endif %} e → ab1cd e
        """);
  }

  @ParameterizedTest
  @MethodSource("statements")
  void aStatementDoesWhatJinjasDoes(String template, String written) {
    assertEquals(written, render(template));
  }

  @Test
  void whitespaceAroundTagsIsTakenAwayAsInTransformers() {
    String template =
        """
        a
          {% if true %}
          b
            {%- set c = 1 %}

        {# nothing #}
          {{ c -}}
           d
          {%+ if true %} e {% endif +%}

          {%- raw -%} {{ f }} {% endraw %}

        g
        """;
    assertEquals("a\n  b\n  1d\n   e {{ f }} \ng\n", render(template + "{% endif %}\n"));
    assertEquals("a\nb\n1\n", render("a\r\nb\r{{ 1 }}\n\n"));
  }

  @Test
  void anErrorTellsWhatIsWrongAndWhere() {
    assertEquals("'x' is undefined (line 2 of the template)", failure("a\n{{ x.y }}").getMessage());
    assertEquals(
        "it says \"no system role\" (line 1 of the template)",
        failure("{{ raise_exception('no  system\nrole') }}").getMessage());
    assertEquals(
        "the tag 'include' has no meaning in a chat template (line 1 of the template)",
        failure("{% include 'x' %}").getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{{ 1",
        "{% if true %}",
        "{% endif %}",
        "{{ 'a }}",
        "{{ }}",
        "{{ 1 2 }}",
        "{# never",
        "{% for x in none %}{% endfor %}",
        "{% for a, b in [[1, 2, 3]] %}{% endfor %}",
        "{{ x + 1 }}",
        "{{ x() }}",
        "{{ 'a' + 1 }}",
        "{{ 'a' < 1 }}",
        "{{ 1 / 0 }}",
        "{{ 9223372036854775807 + 1 }}",
        "{{ 'abc'|nofilter }}",
        "{{ 'abc' is notest }}",
        "{{ [1].append(2) }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ messages.getClass() }}",
        "{{ 'a'.getClass().forName('java.lang.Runtime') }}",
        "{{ messages.stream() }}",
        "{{ messages[0].entrySet() }}",
        "{% set messages.x = 1 %}",
        "{{ range(3).x.y }}",
        "{{ strftime_now('%Q') }}",
      })
  void whatPythonRefusesIsRefused(String template) {
    failure(template);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{% for i in range(1000000000) %}x{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 'x' * 1000000000 }}",
        "{{ [1] * 1000000000000000000 }}",
        "{{ 'xxxxxxxxxxxxxxxx' * 9000000000000000000 }}",
        "{{ 'xx' * 6917529027641081856 }}",
        "{% set ns = namespace(x='xxxxxxxxxxxxxxxx') %}"
            + "{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}"
            + "{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(99) %}"
            + "{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}"
            + "{{ ns.x == ns.y }}",
        "{% set a = 'a' * 9000000 %}{{ a.replace('a', a) }}",
        "{% set a = 'a' * 5000000 %}{{ (a ~ 'b') in (a ~ a) }}",
        "{% set a = ['a'] * 4000000 %}{{ a | join('x' * 4000) }}",
        "{% set a = '\\n' * 5000000 %}{{ a | indent(80, true, true) }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
      })
  void whatNeverEndsIsEnded(String template) {
    assertTimeoutPreemptively(Duration.ofSeconds(60), () -> failure(template));
  }

  @Test
  void deepBracketsAreAnError() {
    assertEquals(
        "it is nested too deeply",
        failure("{{ " + "(".repeat(100_000) + "1" + ")".repeat(100_000) + " }}").getMessage());
  }

  @Test
  void aLongChatIsRendered() {
    Map<String, Object> message = Map.of("role", "user", "content", "word ".repeat(200));
    Object[] messages = new Object[2000];
    Arrays.fill(messages, message);
    String template =
        "{% for m in messages %}{{ m.role }}{{ m.content.split(' ')|join(' ')|trim }}{% endfor %}";
    String text = Template.parse(template).render(Map.of("messages", List.of(messages)), NOW);
    assertTrue(text.startsWith("userword word"));
    assertEquals(2000 * ("user".length() + 999), text.length());
  }
}
